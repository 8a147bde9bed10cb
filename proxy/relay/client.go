package relay

import (
	"bytes"

	"postern/proxy/relay/statement"
	"postern/proxy/wire"
)

// FromClient looks at bytes that the client has sent. An error ends the
// conversation: the client has broken the protocol, and a server connection that
// has half of a message must not be used again.
func (s *Session) FromClient(b []byte) (Step, error) {
	var step Step
	for n := 0; n < len(b); {
		if s.client.left > 0 {
			taken := s.client.take(len(b) - n)
			s.captured(b[n : n+taken])
			n += taken
			if s.client.drop {
				step.Drop = taken
				return step, nil
			}
			step.Forward = n
			continue
		}
		header, ok, err := wire.ParseClientHeader(b[n:])
		if err != nil || !ok {
			return step, err
		}
		body := b[n+wire.HeaderSize : min(len(b), n+header.Length, n+wire.HeaderSize+peekLimit)]
		if looksInto(header.Type) && len(body) < min(header.Length-wire.HeaderSize, peekLimit) {
			return step, nil // the head is not there yet
		}
		if !s.attached || s.refusal != nil || s.skipping {
			if step.Forward > 0 {
				return step, nil
			}
			return s.unattached(header, body, len(b))
		}
		if s.pooling != nil {
			instead, verdict, err := s.plan(header, body)
			switch {
			case err != nil:
				return step, err
			case verdict == dropped:
				s.client = stream{left: header.Length, drop: true}
				instead.Forward, instead.Drop = n, s.client.take(len(b)-n)
				return instead, nil
			case verdict == planned:
				instead.Forward = n
				return instead, nil
			}
		} else if header.Type == wire.MsgTerminate && s.parting != nil {
			return s.leave(n), nil
		} else {
			s.sent(header, body)
		}
		s.client = stream{left: header.Length}
	}
	return step, nil
}

// leave is for a Terminate behind n bytes that is not for the server: what was sent
// before is still answered.
func (s *Session) leave(n int) Step {
	if s.Owed() {
		return Step{Forward: n, Pause: Wait}
	}
	return Step{Forward: n, Pause: Goodbye}
}

// unattached deals with a message while there is no server connection.
func (s *Session) unattached(header wire.Header, body []byte, available int) (Step, error) {
	step := Step{}
	switch header.Type {
	case wire.MsgTerminate:
		return Step{Pause: Goodbye}, nil
	case wire.MsgSync:
		s.skipping = false
		step.Answer = appendReady(nil, s.outside())
	case wire.MsgFlush, wire.MsgCopyData, wire.MsgCopyDone, wire.MsgCopyFail:
		// Nothing to flush; COPY data out of place is ignored, as PostgreSQL does.
	default:
		switch {
		case s.skipping:
		case s.refusal == nil:
			if step.Answer = s.answer(header, body); step.Answer == nil {
				return Step{Pause: NeedServer}, nil
			}
		case s.outside() != 'I':
			return step, s.refusal // what follows must not run outside the transaction
		default:
			step.Answer = s.refusal.AppendError(nil)
			s.refusal = nil
			if header.Type == wire.MsgQuery || header.Type == wire.MsgFunctionCall {
				step.Answer = appendReady(step.Answer, 'I')
			} else {
				s.skipping = true
			}
		}
	}
	s.client = stream{left: header.Length, drop: true}
	step.Drop = s.client.take(available)
	return step, nil
}

// sent notes a message of session mode that goes to the server.
func (s *Session) sent(header wire.Header, body []byte) {
	switch header.Type {
	case wire.MsgQuery:
		summary := statement.Scan(body)
		s.parts(&summary)
		s.apply(&summary)
		s.parsedNothing()
	case wire.MsgParse:
		if name := untilZero(body); len(name) < len(body) {
			summary := statement.Scan(body[len(name)+1:])
			s.parts(&summary)
			s.prepared(name, summary)
			if len(name) == 0 {
				s.parsed(header, body)
			}
		}
	case wire.MsgClose:
		if len(body) > 1 && body[0] == 'S' {
			name := untilZero(body[1:])
			s.closed(name)
			if len(name) == 0 {
				s.parsedNothing()
			}
		}
	case wire.MsgBind:
		s.bound(body)
	case wire.MsgTerminate:
		s.terminated = true
	}
	s.count(header.Type)
}

// count notes what answers a message that goes to the server will have.
func (s *Session) count(kind byte) {
	switch kind {
	case wire.MsgQuery, wire.MsgFunctionCall:
		s.pending.sentQuery()
	case wire.MsgParse, wire.MsgClose, wire.MsgBind, wire.MsgDescribe, wire.MsgExecute:
		s.pending.sentExtended()
		s.countExtended(kind)
	case wire.MsgSync:
		s.pending.sentSync()
	case wire.MsgCopyData:
		s.pending.sentCopyData()
	case wire.MsgCopyDone, wire.MsgCopyFail:
		s.pending.sentCopyEnd()
	}
}

// looksInto reports whether the body of such a message is read.
func looksInto(kind byte) bool {
	switch kind {
	case wire.MsgQuery, wire.MsgParse, wire.MsgClose, wire.MsgBind, wire.MsgDescribe:
		return true
	}
	return false
}

// appendReady appends ReadyForQuery.
func appendReady(b []byte, status byte) []byte { return append(b, 'Z', 0, 0, 0, 5, status) }

// untilZero returns what stands before the first zero byte, all of b if there is
// none.
func untilZero(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}
