package admin

import (
	"context"

	"github.com/jackc/pgx/v5/pgproto3"
)

// query answers a Query: one statement after the other, up to the first that fails.
func (s *Session) query(ctx context.Context, text string) {
	defer s.ready()
	s.prepared.endUnnamed()
	statements, err := parse(text)
	if err != nil {
		s.fail(ctx, err)
		return
	}
	if len(statements) == 0 {
		s.send(&pgproto3.EmptyQueryResponse{})
	}
	for _, statement := range statements {
		p, err := s.plan(statement)
		if err != nil {
			s.fail(ctx, err)
			return
		}
		rows, err := s.run(ctx, p)
		if err != nil {
			s.fail(ctx, err)
			return
		}
		if p.columns != nil {
			s.send(describe(p.columns, nil))
		}
		s.rows(rows, p.columns, nil)
		s.complete(p)
	}
}

// run gets the rows of a plan; Cancel can stop it.
func (s *Session) run(ctx context.Context, p *plan) ([]row, error) {
	if p.run == nil {
		return nil, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.mu.Lock()
	s.cancel = cancel
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.cancel = nil
		s.mu.Unlock()
	}()
	rows, err := p.run(ctx)
	if err != nil {
		return nil, asError(ctx, err)
	}
	return rows, nil
}
