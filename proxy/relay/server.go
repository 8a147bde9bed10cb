package relay

import (
	"bytes"

	"postern/proxy/wire"
)

// FromServer looks at bytes that the server has sent. An error means that the
// server does not speak the protocol; its connection must be closed.
func (s *Session) FromServer(b []byte) (Step, error) {
	var step Step
	for n := 0; n < len(b); {
		if s.server.left > 0 {
			n += s.server.take(len(b) - n)
			step.Forward = n
			continue
		}
		header, ok, err := wire.ParseHeader(b[n:])
		if err != nil || !ok {
			return step, err
		}
		message := b[n:min(len(b), n+header.Length)]
		body := message[wire.HeaderSize:]
		if s.needsBody(header.Type) && len(body) < min(header.Length-wire.HeaderSize, peekLimit) {
			return step, nil
		}
		if header.Type == wire.MsgReadyForQuery && len(body) > 0 {
			if step.Pause = s.boundary(body[0]); step.Pause != None {
				return step, nil
			}
		}
		if header.Type == wire.MsgErrorResponse && s.opening() && !fatal(body) {
			return step, errNoBeginning
		}
		var instead []byte
		if header.Type == wire.MsgErrorResponse && s.pooling != nil && len(message) == header.Length {
			instead = s.failedStatement(message)
		}
		ours := s.received(header.Type, body)
		if ours || instead != nil {
			step.Drop, step.Send = header.Length, instead
			return step, nil
		}
		s.server = stream{left: header.Length}
	}
	if s.free() {
		step.Pause = Free
	}
	return step, nil
}

// boundary returns what has to be done before the client may have the
// ReadyForQuery that comes.
func (s *Session) boundary(status byte) Pause {
	if status != 'I' {
		return None
	}
	if s.effects&^Commits != 0 && !s.announced {
		s.announced = true
		return Changed
	}
	p := s.pooling
	if p == nil || p.backend.changes.empty() && len(p.backend.loose) == 0 && !p.backend.tainted || !s.pending.last() {
		return None
	}
	s.loosen()
	p.settleBlind()
	if !p.mustAsk() {
		p.backend.changes = changes{}
		return None
	}
	p.backend.settling = true
	return Settle
}

// free reports whether the server connection can go back, and counts it as gone.
func (s *Session) free() bool {
	p := s.pooling
	if p == nil || !s.attached || !p.backend.used || s.status != 'I' || s.server.left > 0 || s.client.left > 0 && !s.client.drop ||
		!s.pending.empty() || p.backend.settling || s.Pins() != 0 {
		return false
	}
	s.attached, p.backend = false, nil // it is somebody else's from now on
	return true
}

// needsBody reports whether received reads the body of such a message.
func (s *Session) needsBody(kind byte) bool {
	switch kind {
	case wire.MsgReadyForQuery, wire.MsgErrorResponse:
		return true
	case wire.MsgCommandComplete, wire.MsgParameterStatus, wire.MsgParseComplete, wire.MsgCloseComplete:
		return s.pooling != nil
	}
	return false
}

// received notes a message of the server, and reports whether it is none of the
// client's business.
func (s *Session) received(kind byte, body []byte) (ours bool) {
	ours = s.opening()
	switch kind {
	case wire.MsgReadyForQuery:
		if len(body) > 0 {
			s.status = body[0]
		}
		if s.pending.ready() {
			s.answered()
		}
		over := s.pending.empty()
		s.announced, s.unexecuted = false, false
		if s.status == 'I' {
			s.countTransaction()
		}
		switch {
		case over && s.status == 'I':
			s.effects = 0
		case over:
			s.effects &^= Commits
		}
		if s.pooling != nil {
			s.pooling.backend.used, s.pooling.backend.opening = true, false
			if over {
				s.pooling.backend.deallocations = nil
			}
			s.pooling.backend.clearing = s.pooling.backend.clearing && !over
			s.pooling.backend.dropping = s.pooling.backend.dropping && !over
		}
		return ours
	case wire.MsgErrorResponse:
		if fatal(body) {
			s.fatal = true
			return false
		}
		before := s.pending.done
		if s.unexecuted {
			s.answered()
		}
		if *s.pending.head() == 0 {
			s.queryRan()
		}
		s.pending.failed()
		if s.parting != nil {
			s.parting.failed = s.parting.failed || s.parting.piped
		}
		if s.pooling != nil {
			s.undo(before)
		}
	case wire.MsgCopyInResponse:
		s.pending.copyIn()
	case wire.MsgParseComplete, wire.MsgCloseComplete:
		return s.pending.stepDone() && s.pooling != nil && s.confirmed()
	case wire.MsgCommandComplete:
		if s.pending.stepDone() {
			s.answered()
		} else {
			s.queryRan()
		}
		if s.pooling != nil {
			s.completed(body)
		}
		return ours
	case wire.MsgEmptyQueryResponse, wire.MsgPortalSuspended:
		if s.pending.stepDone() {
			s.answered()
		} else if kind == wire.MsgEmptyQueryResponse {
			s.queryRan()
		}
	case wire.MsgBindComplete:
		s.unexecuted = s.pending.stepDone()
	case wire.MsgRowDescription, wire.MsgNoData:
		s.pending.stepDone()
	case wire.MsgParameterStatus:
		if s.pooling != nil && !s.pending.empty() {
			s.reported(untilZero(body))
		}
	}
	return false
}

// completed notes a CommandComplete.
func (s *Session) completed(tag []byte) {
	if len(tag) == 0 || tag[0] != 'D' {
		return // nearly all
	}
	switch {
	case bytes.HasPrefix(tag, []byte("DEALLOCATE\x00")):
		s.deallocated()
	case bytes.HasPrefix(tag, []byte("DEALLOCATE ALL\x00")):
		s.forgetAll()
	case bytes.HasPrefix(tag, []byte("DISCARD ALL\x00")):
		s.forgetAll()
		s.pooling.pins &= PinLibrary | PinOther
	}
}
