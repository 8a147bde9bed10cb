package relay

import (
	"bytes"

	"postern/proxy/relay/statement"
	"postern/proxy/wire"
)

// verdict is what becomes of a client's message in transaction mode.
type verdict uint8

const (
	forwarded verdict = iota // it goes to the server as it is
	counted                  // likewise, and is in pending already
	dropped                  // it goes nowhere
	planned                  // the Step says
)

// plan decides about a message while there is a server connection.
func (s *Session) plan(header wire.Header, body []byte) (Step, verdict, error) {
	p := s.pooling
	if p.backend.settling {
		return Step{Pause: Wait}, planned, nil
	}
	if p.beginning != 0 {
		return s.sendBeginning(), planned, nil
	}
	switch header.Type {
	case wire.MsgTerminate:
		return s.leave(0), planned, nil
	case wire.MsgFlush, wire.MsgCopyData, wire.MsgCopyDone, wire.MsgCopyFail:
		if s.pending.empty() {
			return Step{}, dropped, nil // it would mean nothing, and might come too late
		}
	case wire.MsgQuery:
		return s.planQuery(body)
	case wire.MsgSync, wire.MsgFunctionCall:
		p.batch++
	case wire.MsgParse, wire.MsgBind, wire.MsgDescribe, wire.MsgClose:
		if s.pending.skipping {
			break // the server will skip it
		}
		step, verdict, err := s.planStatement(header, body)
		if verdict != forwarded || err != nil {
			return step, verdict, err
		}
	}
	s.count(header.Type)
	return Step{}, forwarded, nil
}

// planQuery decides about a Query.
func (s *Session) planQuery(body []byte) (Step, verdict, error) {
	summary := statement.Scan(body)
	if name := summary.Deallocated(); name != "" {
		switch _, known := s.names[statementName([]byte(name))]; {
		case s.Owed():
			return Step{Pause: Wait}, planned, nil
		case known && s.pending.empty() && s.status != 'E':
			return Step{Answer: s.deallocate(name)}, dropped, nil
		}
		// In the middle of a batch, which nobody does, the server does not know it.
	}
	if s.mustVacate(&summary) {
		return Step{Pause: Vacate}, planned, nil
	}
	s.apply(&summary)
	s.pooling.batch++
	s.dropUnnamed()
	s.pending.sentQuery()
	return Step{}, forwarded, nil
}

// deallocate answers DEALLOCATE with the name of a statement of the protocol: on
// the server it has another, or may not be there.
func (s *Session) deallocate(name string) []byte {
	s.forget(statementName([]byte(name)))
	s.unnamed.drop() // as every Query does
	status := s.outside()
	if s.attached {
		status = s.status
	}
	return appendReady(appendComplete(nil, "DEALLOCATE"), status)
}

// answer returns the answer to a message that needs no server, nil if it does.
func (s *Session) answer(header wire.Header, body []byte) []byte {
	if s.pooling == nil {
		return nil
	}
	switch {
	case header.Type == wire.MsgQuery:
		if len(s.names) > 0 {
			summary := statement.Scan(body)
			if name := summary.Deallocated(); name != "" && s.names[statementName([]byte(name))] != nil {
				return s.deallocate(name)
			}
		}
		if s.pooling.config.AnswerEmpty {
			return s.answerQuery(body)
		}
	case header.Type == wire.MsgClose && len(body) > 1 && body[0] == 'S':
		name := untilZero(body[1:])
		if _, known := s.names[statementName(name)]; !known && len(name) > 0 {
			return nil
		}
		if len(name) == 0 {
			s.unnamed.drop()
		} else {
			s.forget(statementName(name))
		}
		return []byte{wire.MsgCloseComplete, 0, 0, 0, 4}
	}
	return nil
}

// planStatement decides about a message that makes or uses a prepared statement.
func (s *Session) planStatement(header wire.Header, body []byte) (Step, verdict, error) {
	switch header.Type {
	case wire.MsgParse:
		return s.planParse(header, body)
	case wire.MsgBind:
		portal := untilZero(body)
		return s.planUse(header, body, len(portal)+1)
	}
	if len(body) > 0 && body[0] == 'S' {
		return s.planUse(header, body, 1)
	}
	return Step{}, forwarded, nil
}

// maxName is how much of a prepared statement's name PostgreSQL looks at
// (NAMEDATALEN).
const maxName = 63

// statementName returns the name by which PostgreSQL files a statement.
func statementName(name []byte) string {
	return string(name[:min(len(name), maxName)])
}

// ours reports whether a name could be one of our own on the server.
func ours(name []byte) bool { return bytes.HasPrefix(name, []byte(namePrefix)) }

var errLongName = &wire.Error{Code: wire.ProtocolViolation, Message: "the name of a portal or prepared statement is too long"}
