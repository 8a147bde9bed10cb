package relay

import "unique"

// capture keeps the text of a Parse while it goes by. The zero value keeps
// nothing.
type capture struct {
	on   bool
	of   uint64 // the number of the Parse in pending
	skip int    // bytes of the head that go by first
	text []byte
}

// captured takes what has just gone by of the client's message.
func (s *Session) captured(b []byte) {
	if s.pooling == nil || !s.attached || !s.pooling.backend.capture.on {
		return
	}
	c := &s.pooling.backend.capture
	skipped := min(c.skip, len(b))
	c.skip -= skipped
	c.text = append(c.text, b[skipped:]...)
	if s.client.left > 0 {
		return
	}
	// If the batch has failed meanwhile, there is no such Parse any more.
	if o := s.pooling.backend.operations.last(); o != nil && o.number == c.of {
		if o.kind == unnamedParse {
			s.pooling.backend.parse = c.text
			o.to = len(c.text)
		} else {
			s.statementRead(o.statement, unique.Make(string(c.text)))
		}
	}
	*c = capture{}
}

// statementRead notes the text of a statement whose Parse was sent whole: it is
// no longer bound to where it was made.
func (s *Session) statementRead(made *prepared, text unique.Handle[string]) {
	p := s.pooling
	made.text = text
	if s.tainted() {
		p.backend.loose = append(p.backend.loose, made)
		return
	}
	p.backend.file(made.held, statementKey{text, p.settings})
	made.held = nil
}
