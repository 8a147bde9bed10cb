package relay

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"postern/proxy/wire"
)

// field returns one field of an ErrorResponse, nil if it has none.
func field(body []byte, kind byte) []byte {
	for len(body) > 0 && body[0] != 0 {
		end := bytes.IndexByte(body[1:], 0)
		if end < 0 {
			return nil
		}
		if body[0] == kind {
			return body[1 : 1+end]
		}
		body = body[end+2:]
	}
	return nil
}

// fatal reports whether an ErrorResponse ends the connection. Field V is the
// severity that is never translated (protocol 3.0 since PostgreSQL 9.6).
func fatal(body []byte) bool {
	severity := field(body, 'V')
	return string(severity) == "FATAL" || string(severity) == "PANIC"
}

// failedStatement looks at an ErrorResponse, whose message is b, before it is
// counted: it notes what it says of the server's prepared statements, and returns
// the message with the client's own name for the statement, nil if that is what
// it has.
func (s *Session) failedStatement(b []byte) []byte {
	body := b[wire.HeaderSize:]
	switch string(field(body, 'C')) {
	case "0A000":
		if string(field(body, 'R')) == "RevalidateCachedQuery" {
			s.pooling.backend.discardAll() // what is prepared again sees the new types
		}
		return nil
	case "26000", "42P05":
	default:
		return nil
	}
	at := bytes.Index(body, []byte(namePrefix))
	if at < 0 {
		return nil
	}
	end := at + len(namePrefix)
	for end < len(body) && body[end] >= '0' && body[end] <= '9' {
		end++
	}
	number, _ := strconv.ParseUint(string(body[at+len(namePrefix):end]), 10, 64)
	name, known := s.clientName(number)
	if !known {
		return nil
	}
	said := append([]byte(nil), b[:wire.HeaderSize+at]...)
	said = append(append(said, name...), body[end:]...)
	binary.BigEndian.PutUint32(said[1:], uint32(len(said)-1))
	return said
}

// clientName returns what the client calls the statement with that number, in the
// message that has just failed.
func (s *Session) clientName(number uint64) (string, bool) {
	p := s.pooling
	if o := p.backend.operations.first(); o != nil && o.number == s.pending.done+1 && o.kind == refusedOperation {
		return o.name, true
	}
	if p.backend.gone.entry != nil && p.backend.gone.entry.number == number {
		return p.backend.gone.name, true
	}
	for name, known := range s.names {
		e := known.held
		if e == nil {
			e = p.backend.index[statementKey{known.text, p.settings}]
		}
		if e != nil && e.number == number {
			p.backend.forgetStatements() // somebody has closed it behind our back
			return name, true
		}
	}
	p.backend.forgetStatements()
	return "", false
}
