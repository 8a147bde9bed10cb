package relay

import (
	"bytes"

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
		if s.looksInto(header) && len(body) < min(header.Length-wire.HeaderSize, peekLimit) {
			return step, nil // the head is not there yet
		}
		if !s.attached || s.refusal != nil || s.skipping {
			if step.Forward > 0 {
				return step, nil
			}
			return s.unattached(header, len(b))
		}
		s.sent(header.Type, body)
		s.client = stream{left: header.Length}
	}
	return step, nil
}

// unattached deals with a message while there is no server connection.
func (s *Session) unattached(header wire.Header, available int) (Step, error) {
	step := Step{}
	switch header.Type {
	case wire.MsgTerminate:
		return Step{Pause: Goodbye}, nil
	case wire.MsgSync:
		s.skipping = false
		step.Answer = appendReady(nil)
	case wire.MsgFlush, wire.MsgCopyData, wire.MsgCopyDone, wire.MsgCopyFail:
		// Nothing to flush; COPY data out of place is ignored, as PostgreSQL does.
	default:
		switch {
		case s.skipping:
		case s.refusal == nil:
			return Step{Pause: NeedServer}, nil
		default:
			step.Answer = s.refusal.AppendError(nil)
			s.refusal = nil
			if header.Type == wire.MsgQuery || header.Type == wire.MsgFunctionCall {
				step.Answer = appendReady(step.Answer)
			} else {
				s.skipping = true
			}
		}
	}
	s.client = stream{left: header.Length, drop: true}
	step.Drop = s.client.take(available)
	return step, nil
}

// sent notes a message that goes to the server.
func (s *Session) sent(kind byte, body []byte) {
	switch kind {
	case wire.MsgQuery:
		s.effects |= effectsOf(body)
		s.pending.sentQuery()
	case wire.MsgParse:
		if name := untilZero(body); len(name) < len(body) {
			s.prepared(name, effectsOf(body[len(name)+1:]))
		}
		s.pending.sentExtended()
	case wire.MsgClose:
		if len(body) > 1 && body[0] == 'S' {
			s.closed(untilZero(body[1:]))
		}
		s.pending.sentExtended()
	case wire.MsgFunctionCall:
		s.pending.sentQuery()
	case wire.MsgBind:
		s.bound(body)
		s.pending.sentExtended()
	case wire.MsgDescribe, wire.MsgExecute:
		s.pending.sentExtended()
	case wire.MsgSync:
		s.pending.sentSync()
	case wire.MsgTerminate:
		s.terminated = true
	case wire.MsgCopyData:
		s.pending.sentCopyData()
	case wire.MsgCopyDone, wire.MsgCopyFail:
		s.pending.sentCopyEnd()
	}
}

// looksInto reports whether sent reads the body of such a message.
func (s *Session) looksInto(h wire.Header) bool {
	return h.Type == wire.MsgQuery || h.Type == wire.MsgParse || h.Type == wire.MsgClose ||
		h.Type == wire.MsgBind && len(s.effective) > 0
}

// appendReady appends ReadyForQuery outside a transaction.
func appendReady(b []byte) []byte { return append(b, 'Z', 0, 0, 0, 5, 'I') }

// untilZero returns what stands before the first zero byte, all of b if there is
// none.
func untilZero(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}
