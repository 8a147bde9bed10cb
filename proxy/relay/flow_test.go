package relay

import (
	"bytes"
	"testing"
)

// flow is one direction of a caller: it shows a session what it has read,
// through a buffer of MinBuffer bytes, and keeps what came of it.
type flow struct {
	t    testing.TB
	from func([]byte) (Step, error)
	// pause deals with a Step's Pause; nil if there must be none.
	pause func(Pause)

	buffer    []byte
	forwarded []byte
	answered  []byte
	dropped   int
	pauses    []Pause
	err       error
}

// read is a read of b, or of several if the buffer is too small for it.
func (f *flow) read(b []byte) {
	f.t.Helper()
	for len(b) > 0 && f.err == nil {
		n := min(len(b), MinBuffer-len(f.buffer))
		if n == 0 {
			f.t.Fatalf("stuck: a buffer of %d bytes is full", MinBuffer)
		}
		f.buffer = append(f.buffer, b[:n]...)
		b = b[n:]
		f.deal()
	}
}

func (f *flow) deal() {
	f.t.Helper()
	for {
		step, err := f.from(f.buffer)
		done := step.Forward + step.Drop
		if step.Forward < 0 || step.Drop < 0 || done > len(f.buffer) {
			f.t.Fatalf("%+v of %d bytes", step, len(f.buffer))
		}
		f.forwarded = append(f.forwarded, f.buffer[:step.Forward]...)
		f.answered = append(f.answered, step.Answer...)
		f.dropped += step.Drop
		f.buffer = f.buffer[:copy(f.buffer, f.buffer[done:])]
		if err != nil {
			f.err = err
			return
		}
		if step.Pause != None {
			f.pauses = append(f.pauses, step.Pause)
			if f.pause == nil {
				f.t.Fatalf("pause %d", step.Pause)
			}
			if step.Pause == Goodbye {
				return
			}
			f.pause(step.Pause)
			continue
		}
		if done == 0 {
			return
		}
	}
}

// same reports whether two flows came to the same.
func (f *flow) same(other *flow) bool {
	return bytes.Equal(f.forwarded, other.forwarded) && bytes.Equal(f.answered, other.answered) &&
		f.dropped == other.dropped && bytes.Equal(pauseBytes(f.pauses), pauseBytes(other.pauses)) &&
		(f.err == nil) == (other.err == nil) && (f.err != nil || bytes.Equal(f.buffer, other.buffer))
}

func pauseBytes(pauses []Pause) []byte {
	b := make([]byte, len(pauses))
	for i, p := range pauses {
		b[i] = byte(p)
	}
	return b
}
