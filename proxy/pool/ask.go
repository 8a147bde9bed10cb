package pool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/wire"
)

// maxAnswer is what a server may answer to Ask at most, in bytes and in all.
const maxAnswer = 1 << 20

// Ask runs a simple query, of one statement or several, on an idle connection and
// waits for its end. rows are those of all statements in order, as text, nil for
// NULL. asides are the ParameterStatus, NoticeResponse and NotificationResponse
// that came meanwhile, whole and in order, for whoever passes them on; what the
// first of them say is in Parameters too. early is what was read already behind
// the last ReadyForQuery, and what comes behind this one is left in Early; the
// last message of either may be cut.
//
// A statement that fails is a *QueryError, with the rows before it, and the
// connection can be used on. After any other error it can only be given up: it
// has ended (what the server said at that is a *RefusedError), has answered what
// an idle connection or a query does not, or more than 1 MiB, is in a transaction
// now, or ctx is over.
func (s *Server) Ask(ctx context.Context, sql string, early []byte) (rows [][]*string, asides []byte, err error) {
	a := answer{server: s}
	err = s.obey(ctx, func() error { return a.to(sql, early) })
	if err != nil {
		return a.rows, a.asides, fmt.Errorf("ask the server: %w", err)
	}
	return a.rows, a.asides, nil
}

// Prepare sends a Parse message, and is like Ask besides.
func (s *Server) Prepare(ctx context.Context, parse, early []byte) (asides []byte, err error) {
	a := answer{server: s, prepares: true}
	sync := []byte{wire.MsgSync, 0, 0, 0, 4}
	if err := s.obey(ctx, func() error { return a.exchange(slices.Concat(parse, sync), early) }); err != nil {
		return a.asides, fmt.Errorf("prepare a statement: %w", err)
	}
	return a.asides, nil
}

// QueryError is a statement of Ask that has failed.
type QueryError struct {
	// Code is its SQLSTATE; "" if the server gave none.
	Code string
	// Message is the ErrorResponse, whole and as it was.
	Message []byte
	text    string
}

func (e *QueryError) Error() string { return "statement fails: " + e.text }

// answer is what a server says to one simple query, or a Parse.
type answer struct {
	server   *Server
	rows     [][]*string
	asides   []byte
	notified bool // something in asides comes from a LISTEN
	prepares bool // it is to a Parse
	answered bool // something in it ends a statement
	failure  *QueryError
}

// to sends the query and reads the answer to its end.
func (a *answer) to(sql string, early []byte) error {
	query, err := (&pgproto3.Query{String: sql}).Encode(nil)
	if err != nil {
		return err
	}
	if bytes.IndexByte(query[wire.HeaderSize:], 0) != len(query)-wire.HeaderSize-1 {
		return errors.New("there is a zero byte in the query")
	}
	return a.exchange(query, early)
}

// exchange sends messages that end with a Query or Sync and reads the answer.
func (a *answer) exchange(messages, early []byte) error {
	_, unsent := a.server.Write(messages)
	err := a.read(&reader{conn: a.server, largest: maxAnswer, most: maxAnswer, bytes: bytes.Clone(early)})
	if unsent != nil && a.failure == nil { // else there is a farewell to read
		return unsent
	}
	return err
}

func (a *answer) read(r *reader) error {
	for {
		kind, message, err := r.next()
		if err != nil {
			return a.ended(err)
		}
		if kind == wire.MsgReadyForQuery {
			a.server.Early = bytes.Clone(r.rest())
			return a.ready(message[wire.HeaderSize:])
		}
		if err := a.take(kind, message); err != nil {
			return err
		}
	}
}

// take is for one message before ReadyForQuery.
func (a *answer) take(kind byte, message []byte) error {
	switch kind {
	case wire.MsgRowDescription:
		return nil
	case wire.MsgCommandComplete, wire.MsgEmptyQueryResponse:
		a.answered = true
		return nil
	case wire.MsgParseComplete:
		if a.prepares {
			a.answered = true
			return nil
		}
	case wire.MsgDataRow:
		return a.row(message[wire.HeaderSize:])
	case wire.MsgErrorResponse:
		return a.fail(message)
	case wire.MsgParameterStatus:
		a.asides = append(a.asides, message...)
		return a.server.note(message[wire.HeaderSize:])
	case wire.MsgNoticeResponse:
		a.asides = append(a.asides, message...)
		return nil
	case wire.MsgNotificationResponse:
		a.asides = append(a.asides, message...)
		a.notified = true
		return nil
	}
	return fmt.Errorf("server answers a query with message type %q", kind)
}

func (a *answer) row(body []byte) error {
	var m pgproto3.DataRow
	if err := m.Decode(body); err != nil {
		return fmt.Errorf("read DataRow: %w", err)
	}
	row := make([]*string, len(m.Values))
	for i, value := range m.Values {
		if value != nil {
			text := string(value)
			row[i] = &text
		}
	}
	a.rows = append(a.rows, row)
	return nil
}

func (a *answer) fail(message []byte) error {
	var m pgproto3.ErrorResponse
	if err := m.Decode(message[wire.HeaderSize:]); err != nil {
		return fmt.Errorf("read ErrorResponse: %w", err)
	}
	a.failure = &QueryError{Code: m.Code, Message: bytes.Clone(message), text: m.Message}
	return nil
}

// ready is for the end of the answer.
func (a *answer) ready(body []byte) error {
	switch {
	case len(body) != 1 || body[0] != 'I':
		return fmt.Errorf("server is not idle after a query but %q", body)
	case a.failure != nil:
		return a.failure
	case !a.answered: // it belongs to something before, and our answer is still to come
		return errors.New("server is ready without having answered")
	}
	return nil
}

// ended is for a connection that has broken off. What the server said just before
// was its farewell.
func (a *answer) ended(err error) error {
	if f := a.failure; f != nil {
		return fmt.Errorf("the server has ended the session: %w", &RefusedError{Code: f.Code, Message: f.Message, text: f.text})
	}
	return err
}
