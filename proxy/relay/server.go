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
		body := b[n+wire.HeaderSize : min(len(b), n+header.Length)]
		if needsBody(header.Type) && len(body) < min(header.Length-wire.HeaderSize, peekLimit) {
			return step, nil
		}
		if header.Type == wire.MsgReadyForQuery && len(body) > 0 && body[0] == 'I' && s.effects&^Commits != 0 && !s.announced {
			s.announced = true
			step.Pause = Changed
			return step, nil
		}
		s.received(header.Type, body)
		s.server = stream{left: header.Length}
	}
	return step, nil
}

// needsBody reports whether received reads the body of such a message.
func needsBody(kind byte) bool {
	return kind == wire.MsgReadyForQuery || kind == wire.MsgErrorResponse
}

// received notes a message of the server.
func (s *Session) received(kind byte, body []byte) {
	switch kind {
	case wire.MsgReadyForQuery:
		if len(body) > 0 {
			s.status = body[0]
		}
		s.pending.ready()
		over := s.pending.empty()
		s.announced = false
		switch {
		case over && s.status == 'I':
			s.effects = 0
		case over:
			s.effects &^= Commits
		}
	case wire.MsgErrorResponse:
		if fatal(body) {
			s.fatal = true
			return
		}
		s.pending.failed()
	case wire.MsgCopyInResponse:
		s.pending.copyIn()
	case wire.MsgParseComplete, wire.MsgBindComplete, wire.MsgCloseComplete,
		wire.MsgRowDescription, wire.MsgNoData, wire.MsgCommandComplete,
		wire.MsgEmptyQueryResponse, wire.MsgPortalSuspended:
		s.pending.stepDone()
	}
}

// fatal reports whether an ErrorResponse ends the connection. Field V is the
// severity that is never translated (protocol 3.0 since PostgreSQL 9.6).
func fatal(body []byte) bool {
	for len(body) > 0 && body[0] != 0 {
		end := bytes.IndexByte(body[1:], 0)
		if end < 0 {
			return false
		}
		value := string(body[1 : 1+end])
		if body[0] == 'V' {
			return value == "FATAL" || value == "PANIC"
		}
		body = body[end+2:]
	}
	return false
}
