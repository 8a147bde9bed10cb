package relay

import (
	"postern/proxy/relay/statement"
	"postern/proxy/wire"
)

// deallocation is a DEALLOCATE of the extended protocol that was bound and not
// executed.
type deallocation struct {
	name   string
	entry  *entry
	number uint64 // of the Bind in pending
	batch  uint64
}

// planDeallocate decides about a Parse, of the unnamed statement, if it is of
// DEALLOCATE with the name of a statement of the protocol: on the server that has
// another name. It answers false to anything else.
func (s *Session) planDeallocate(header wire.Header, body []byte) (Step, bool) {
	if len(body) < header.Length-wire.HeaderSize || body[1]|0x20 != 'd' {
		return Step{}, false
	}
	summary := statement.Scan(body[1:])
	target := summary.Deallocated()
	if target == "" {
		return Step{}, false
	}
	known, ok := s.statement([]byte(target))
	if !ok {
		return Step{Pause: Wait}, true
	}
	if known == nil {
		return Step{}, false
	}
	// What the server has of it stays, for whoever has the same: an empty query is
	// dropped in its place.
	p := s.pooling
	s.begin()
	e := p.backend.add(p.batch)
	s.injectParse(e, nil, []byte{0, 0, 0})
	s.parsingUnnamed(summary, header.Length)
	from := len(p.backend.parse)
	p.backend.parse = append(p.backend.parse, body[1:]...)
	p.backend.operations.last().from, p.backend.operations.last().to = from, len(p.backend.parse)
	at := summary.Names[0]
	text := untilZero(body[1:])
	send := p.backend.send
	start := len(send)
	send = append(send, wire.MsgParse, 0, 0, 0, 0, 0)
	send = appendName(append(send, text[:at.Offset]...), e.number)
	send = append(send, text[at.Offset+at.Length:]...)
	send = append(send, body[1+len(text):]...)
	setLength(send[start:], 0)
	p.backend.send = send
	s.unnamed.deallocates = &deallocation{name: statementName([]byte(target)), entry: e}
	return Step{Drop: header.Length, Send: send}, true
}

// deallocating returns the deallocation under way of the client's statement of that
// name, nil if there is none.
func (p *pooling) deallocating(name []byte) *deallocation {
	for i := range p.backend.deallocations {
		if d := &p.backend.deallocations[i]; d.name == string(name) {
			return d
		}
	}
	return nil
}

// bindDeallocation notes a Bind of the unnamed statement.
func (s *Session) bindDeallocation() {
	if d := s.unnamed.deallocates; d != nil {
		one := *d
		one.number, one.batch = s.pending.sent+1, s.pooling.batch
		s.pooling.backend.deallocations = append(s.pooling.backend.deallocations, one)
	}
}

// deallocated notes that the first DEALLOCATE is done.
func (s *Session) deallocated() {
	p := s.pooling
	if len(p.backend.deallocations) == 0 {
		return
	}
	first := p.backend.deallocations[0]
	p.backend.deallocations = p.backend.deallocations[1:]
	p.backend.gone = first
	s.forget(first.name)
}
