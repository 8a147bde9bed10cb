package admin

import (
	"context"

	"github.com/jackc/pgx/v5/pgproto3"
)

// rows sends rows in these formats.
func (s *Session) rows(rows []row, columns []column, formats []format) {
	for _, r := range rows {
		message, err := s.encoder.encode(r, columns, formats)
		if err != nil {
			s.failed = err
			return
		}
		s.send(message)
	}
}

// complete sends the end of a statement.
func (s *Session) complete(p *plan) {
	if p.notice != nil {
		s.send(p.notice)
	}
	if p == nothing {
		s.send(&pgproto3.EmptyQueryResponse{})
		return
	}
	s.send(&pgproto3.CommandComplete{CommandTag: []byte(p.tag)})
}

// fail tells the client what went wrong with a statement.
func (s *Session) fail(ctx context.Context, err error) {
	e := asError(ctx, err)
	s.send(&pgproto3.ErrorResponse{
		Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: e.Code, Message: e.Message, Detail: e.Detail, Hint: e.Hint,
	})
}

func (s *Session) ready() {
	s.send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	s.flush()
}

// maxUnsent bounds how many messages wait for a flush.
const maxUnsent = 256

func (s *Session) send(message pgproto3.BackendMessage) {
	s.backend.Send(message)
	if s.unsent++; s.unsent >= maxUnsent {
		s.flush()
	}
}

func (s *Session) flush() {
	s.unsent = 0
	if err := s.backend.Flush(); err != nil && s.failed == nil {
		s.failed = err
	}
}
