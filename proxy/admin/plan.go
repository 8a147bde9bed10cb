package admin

import (
	"context"

	"github.com/jackc/pgx/v5/pgproto3"
)

// plan is a statement that was understood: what its answer looks like, and how to
// get it.
type plan struct {
	// tag is what CommandComplete says.
	tag string
	// columns of the result, none for a command without rows.
	columns []column
	// run does it; nil where there is nothing to do.
	run func(ctx context.Context) ([]row, error)
	// notice goes before the end.
	notice *pgproto3.NoticeResponse
}

// nothing is the plan of an empty statement.
var nothing = &plan{}

// plan finds the command that the statement names.
func (s *Session) plan(st statement) (*plan, error) {
	if len(st) == 0 {
		return nothing, nil
	}
	for _, c := range commands() {
		if !st[0].is(c.keyword) {
			continue
		}
		if !c.anyone && !s.login.Admin {
			return nil, notPermitted(c.keyword)
		}
		return c.plan(s, st[1:])
	}
	return nil, syntaxError("unknown command %q", shorten(st.String()))
}

// shorten keeps an error message short.
func shorten(s string) string {
	const most = 100
	runes := []rune(s)
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}
