package relay

import (
	"slices"

	"postern/proxy/relay/statement"
	"postern/proxy/wire"
)

// operation is what a message sent to the server will have done once the server
// confirms it. Of a message that fails or is skipped nothing remains.
type operation struct {
	kind operationKind
	// number is that of the message in pending.
	number uint64
	batch  uint64
	// name is the client's name of the statement.
	name      string
	statement *prepared
	entry     *entry

	// owner is what backend.unnamed becomes, if it is of the unnamed statement.
	owner uint64
	// Of an unnamedParse: see unnamed; the text is backend.parse[from:to].
	summary  *statement.Summary
	large    bool
	from, to int
}

type operationKind uint8

const (
	parseOperation   operationKind = iota // the client's Parse of a name
	closeOperation                        // the client's Close of a name
	injectedParse                         // ours, whose answer the client must not see
	injectedClose                         // likewise
	refusedOperation                      // the client's, which the server is to refuse
	unnamedParse                          // the client's Parse of the unnamed statement
)

// operations are those under way, in the order sent. The zero value is none.
type operations struct{ queue[operation] }

// first returns the oldest, nil if there is none.
func (q *operations) first() *operation {
	if q.len() == 0 {
		return nil
	}
	return q.at(0)
}

func (q *operations) pop() { q.cut(0, 1) }

// last returns the newest, nil if there is none.
func (q *operations) last() *operation {
	if q.len() == 0 {
		return nil
	}
	return q.at(q.len() - 1)
}

// latest returns the last that concerns the client's name, nil if there is none.
func (q *operations) latest(name []byte) *operation {
	for i := q.len() - 1; i >= 0; i-- {
		if o := q.at(i); o.kind <= closeOperation && o.name == string(name) {
			return o
		}
	}
	return nil
}

// sentOperation notes an extended message and what it will have done.
func (s *Session) sentOperation(o operation) {
	s.pending.sentExtended()
	o.number, o.batch = s.pending.sent, s.pooling.batch
	s.pooling.backend.operations.push(o)
	switch o.kind {
	case parseOperation, unnamedParse:
		s.countExtended(wire.MsgParse)
	case injectedParse:
		if s.counter != nil {
			s.counter.ServerParses.Add(1)
		}
	}
}

// confirmed notes that the server has done what the message that was answered
// last asked for, and reports whether the answer is none of the client's business.
func (s *Session) confirmed() (ours bool) {
	o := s.pooling.backend.operations.first()
	if o == nil || o.number != s.pending.done {
		return false
	}
	switch o.kind {
	case parseOperation:
		s.remember(o.name, o.statement)
		o.entry.confirmed = true
	case closeOperation:
		if o.name == "" {
			s.unnamed.drop()
		} else {
			s.forget(o.name)
		}
	case unnamedParse:
		s.parsedUnnamed(o)
	case injectedParse:
		if o.entry != nil {
			o.entry.confirmed = true
		} else {
			s.pooling.backend.mending--
		}
		ours = true
	case injectedClose:
		if o.entry == nil {
			s.pooling.backend.mending--
		}
		ours = true
	}
	s.pooling.backend.operations.pop()
	return ours
}

// undo forgets what the messages behind the given one would have done, which have
// failed or were skipped.
func (s *Session) undo(before uint64) {
	p := s.pooling
	p.backend.deallocations = slices.DeleteFunc(p.backend.deallocations, func(d deallocation) bool { return d.number <= s.pending.done })
	for o := p.backend.operations.first(); o != nil && o.number <= s.pending.done; o = p.backend.operations.first() {
		switch {
		case o.kind == unnamedParse:
			s.unnamed.coming--
			left := uint64(foreign)   // or the client's own of before
			if o.number == before+1 { // it is what has failed, so there is none
				s.unnamed.drop()
				left = 0
			}
			if p.backend.unnamed == o.owner {
				p.backend.unnamed = left
			}
		case o.kind == injectedClose && o.entry != nil: // the server has it still
			p.backend.garbage = append(p.backend.garbage, o.entry.number)
		case o.kind == parseOperation || o.kind == injectedParse && o.entry != nil:
			p.backend.drop(o.entry)
		case o.entry == nil && (o.kind == injectedParse || o.kind == injectedClose):
			p.backend.mending--
			if p.backend.unnamed == o.owner {
				p.backend.unnamed = foreign
			}
		}
		if known := o.statement; o.kind == injectedParse && known != nil && known.held == o.entry {
			known.held = nil // it is not there either
			p.backend.loose = slices.DeleteFunc(p.backend.loose, func(loose *prepared) bool { return loose == known })
		}
		p.backend.operations.pop()
	}
}

// remember files a statement that the server has confirmed.
func (s *Session) remember(name string, made *prepared) {
	if s.names == nil {
		s.names = make(map[string]*prepared)
	}
	s.names[name] = made
	s.pooling.keep(made.size)
	if made.pinned {
		s.pooling.held++
	}
}

// forget drops a statement that the client has closed.
func (s *Session) forget(name string) {
	if known := s.names[name]; known != nil {
		s.pooling.keep(-known.size)
		if known.pinned {
			s.pooling.held--
		}
		if known.held != nil && s.pooling.backend != nil {
			s.pooling.backend.garbage = append(s.pooling.backend.garbage, known.held.number)
		}
		delete(s.names, name)
	}
}

// forgetAll drops all statements, as the server has.
func (s *Session) forgetAll() {
	s.pooling.backend.forgetStatements()
	clear(s.names)
	s.pooling.keep(cap(s.unnamed.text) - s.pooling.size)
	s.pooling.held = 0
}
