package leaktest

import (
	"fmt"

	"github.com/jackc/pgx/v5/pgproto3"
)

const copyIn = "copy leak.rows (word, n) from stdin"

// copyRows copies rows in, one way or another, and looks whether all of them or
// none have come.
func (c *client) copyRows() {
	word, n := c.word(), 1+c.random.IntN(20)
	lines := []pgproto3.FrontendMessage{}
	for i := range n {
		lines = append(lines, &pgproto3.CopyData{Data: fmt.Appendf(nil, "%s\t%d\n", word, i)})
	}
	st := commands(aboutCopy, copyIn, "COPY "+itoa(n), nil)
	switch c.random.IntN(4) {
	case 0:
		st.fails = canceled
		lines = append(lines, &pgproto3.CopyFail{Message: "no more"})
	case 1:
		st.fails = invalidText
		lines = append(lines, &pgproto3.CopyData{Data: []byte(word + "\tx\n")}, &pgproto3.CopyDone{})
	default:
		lines = append(lines, &pgproto3.CopyDone{})
	}
	done := c.copyData(st, lines)
	c.alone(selects(aboutCopy, "select count(*)::text from leak.rows where word = "+quote(word), itoa(done*n)))
	if done > 0 {
		c.alone(commands(aboutCopy, "delete from leak.rows where word = "+quote(word), "DELETE "+itoa(n), nil))
	}
}

// copyData sends a COPY and, without waiting, its data. It returns 1 if it
// succeeds.
func (c *client) copyData(st statement, lines []pgproto3.FrontendMessage) int {
	s := c.session
	c.note(fmt.Sprintf("%s (%d messages)", st.sql, len(lines)))
	byQuery := c.random.IntN(2) == 0
	if !byQuery {
		c.plan.send(&pgproto3.Parse{Query: st.sql}, &pgproto3.Bind{}, &pgproto3.Execute{})
	} else {
		c.plan.send(&pgproto3.Query{String: st.sql})
	}
	s.dropUnnamed()
	c.plan.send(lines...)
	refused := s.failed
	code := s.run(st)
	if !byQuery {
		c.plan.send(&pgproto3.Sync{})
		s.prepared[""] = prepared{form: formOther}
		if !refused {
			c.plan.expect(st, "1", "2")
		}
	}
	if !refused {
		c.plan.expect(st, "G")
	}
	if code != "" {
		c.plan.expectError(st, code)
	} else {
		c.plan.expect(st, "C "+st.tag)
	}
	c.expectReady()
	if code != "" {
		return 0
	}
	return 1
}

// copyOut copies rows out that were made on the way.
func (c *client) copyOut() {
	s, word, n := c.session, c.word(), 1+c.random.IntN(50)
	st := commands(aboutCopy, fmt.Sprintf("copy (select %s::text, g from generate_series(1, %d) g) to stdout", quote(word), n), "COPY "+itoa(n), nil)
	c.note(st.sql)
	c.plan.send(&pgproto3.Query{String: st.sql})
	s.dropUnnamed()
	if code := s.run(st); code != "" {
		c.plan.expectError(st, code)
	} else {
		c.plan.expect(st, "H")
		for i := range n {
			c.plan.expect(st, fmt.Sprintf("d %s\t%d", word, i+1))
		}
		c.plan.expect(st, "c", "C "+st.tag)
	}
	c.expectReady()
}
