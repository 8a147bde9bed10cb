//go:build linux

package engine

// gather collects what goes to one side, so that it is written at once. What is
// all of one piece is not copied.
type gather struct {
	piece  []byte // in somebody's buffer, while there is nothing in copied
	copied []byte
}

// add appends b, which must stay as it is until take.
func (g *gather) add(b []byte) {
	switch {
	case len(b) == 0:
	case len(g.copied) == 0 && len(g.piece) == 0:
		g.piece = b
	default:
		g.keep()
		g.copied = append(g.copied, b...)
	}
}

// addCopy appends b, which may change afterwards.
func (g *gather) addCopy(b []byte) {
	if len(b) > 0 {
		g.keep()
		g.copied = append(g.copied, b...)
	}
}

// keep copies what stands in somebody's buffer.
func (g *gather) keep() {
	g.copied = append(g.copied, g.piece...)
	g.piece = nil
}

// take returns it all, valid until the next add, and empties g.
func (g *gather) take() []byte {
	b := g.piece
	if len(g.copied) > 0 {
		b = g.copied
	}
	g.piece, g.copied = nil, g.copied[:0]
	if cap(g.copied) > 4*loopBuffer { // for something large, once
		g.copied = nil
	}
	return b
}

// spares are buffers for what cannot go on at once, kept for the next that needs
// one: under load somebody always does.
type spares [][]byte

// maxSpares is how many are kept.
const maxSpares = 16

// take returns an empty buffer with room for n bytes.
func (s *spares) take(n int) []byte {
	if all := *s; len(all) > 0 {
		b := all[len(all)-1]
		*s = all[:len(all)-1]
		if cap(b) >= n {
			return b[:0]
		}
	}
	return make([]byte, 0, n)
}

// give takes a buffer back.
func (s *spares) give(b []byte) {
	if len(*s) < maxSpares && cap(b) > 0 && cap(b) <= 4*loopBuffer {
		*s = append(*s, b)
	}
}

// replace makes held a copy of b, which may be part of it.
func (l *eventLoop) replace(held *[]byte, b []byte) {
	if len(b) == 0 && *held == nil {
		return
	}
	old := *held
	*held = nil
	if len(b) > 0 {
		*held = append(l.spares.take(len(b)), b...)
	}
	l.spares.give(old)
}
