package leaktest

import (
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// plan is what will be sent at once and what must be answered. The model is
// ahead of the server by it.
type plan struct {
	messages []pgproto3.FrontendMessage
	expected []expectation
}

// expectation is one message that must come next.
type expectation struct {
	line      string // as render makes it
	statement statement
	// early: an error may take the place of the messages that come before it,
	// since PostgreSQL finds it at Parse, Bind or Execute.
	early bool
	ready *ready
}

// ready is what belongs to a ReadyForQuery.
type ready struct {
	due     []string          // notifications that must have come
	mayHear bool              // notifications of neighbours may have come
	reports map[string]string // settings as ParameterStatus must have said; nil if open
}

func (p *plan) send(m ...pgproto3.FrontendMessage) { p.messages = append(p.messages, m...) }

func (p *plan) expect(st statement, lines ...string) {
	for _, line := range lines {
		p.expected = append(p.expected, expectation{line: line, statement: st})
	}
}

func (p *plan) expectError(st statement, code string) {
	p.expected = append(p.expected, expectation{line: "E " + code, statement: st, early: true})
}

// expectRows expects the rows and, if all of them come, the end.
func (p *plan) expectRows(st statement, rows [][]string) {
	for _, row := range rows {
		p.expect(st, "D "+strings.Join(row, columnSeparator))
	}
}

const columnSeparator = "|"

// expectReady ends an implicit transaction and expects ReadyForQuery.
func (c *client) expectReady() {
	s := c.session
	wasListening := s.listened || s.listening
	s.finish()
	r := &ready{due: s.due, mayHear: wasListening || s.listened || s.listening}
	s.due, s.listened = nil, s.listening
	if s.status() != 'E' { // where it is open how much was reported already
		r.reports = map[string]string{}
		for name := range c.reports {
			r.reports[name] = s.settings[name].value()
		}
	}
	c.plan.expected = append(c.plan.expected, expectation{line: "Z " + string(s.status()), ready: r})
}

// way is how statements are sent.
type way int

const (
	simple         way = iota // a Query each
	extended                  // Parse, Bind, Execute, Sync each
	simpleTogether            // one Query
	pipeline                  // one Sync
	ways
)

// group is some statements sent one way.
type group struct {
	c       *client
	way     way
	sql     []string // of simpleTogether
	over    bool     // an error has ended the Query
	segment segment  // of pipeline
}

func (c *client) group(w way) *group {
	if w == simpleTogether {
		c.session.dropUnnamed()
	}
	return &group{c: c, way: w, segment: segment{c: c}}
}

// add sends a statement, or puts it behind the others.
func (g *group) add(st statement) {
	c := g.c
	switch {
	case g.way == pipeline:
		g.segment.statement(st)
	case g.way == extended || g.way == simple && st.bound:
		each := segment{c: c}
		each.statement(st)
		each.sync()
	case g.way == simple:
		c.session.dropUnnamed()
		c.note(st.inline())
		c.plan.send(&pgproto3.Query{String: c.decorate(st.inline())})
		c.answerSimple(st)
		c.expectReady()
	default:
		g.sql = append(g.sql, st.inline())
		if !g.over {
			g.over = !c.answerSimple(st)
		}
	}
}

// end sends what was put together.
func (g *group) end() {
	switch g.way {
	case simpleTogether:
		sql := strings.Join(g.sql, "; ")
		g.c.note(sql)
		g.c.plan.send(&pgproto3.Query{String: sql})
		g.c.expectReady()
	case pipeline:
		g.segment.sync()
	}
}

// answerSimple expects what a statement in a Query answers, and reports whether
// the Query goes on.
func (c *client) answerSimple(st statement) bool {
	if code := c.session.run(st); code != "" {
		c.plan.expectError(st, code)
		return false
	}
	if st.columns {
		c.plan.expect(st, "T")
	}
	c.plan.expectRows(st, st.rows)
	c.plan.expect(st, "C "+st.tag)
	return true
}

// alone sends one statement by Query or by Parse, Bind and Execute.
func (c *client) alone(st statement) { c.group(way(c.random.IntN(2))).add(st) }

// decorate puts around a statement what a tokeniser has to skip.
func (c *client) decorate(sql string) string {
	switch c.random.IntN(8) {
	case 0:
		return "/* set leak.x to 'y'; /* begin */ */ " + sql
	case 1:
		return "-- commit;\n\t" + sql + " ;"
	case 2:
		return ";" + sql + " -- '"
	}
	return sql
}

func (s *session) dropUnnamed() { delete(s.prepared, "") }

// differing names a setting whose last report is not the one expected.
func (r *ready) differing(reports map[string]string) (name string, differs bool) {
	for _, name := range sortedKeys(reports) {
		if value, open := r.reports[name]; open && reports[name] != value {
			return name, true
		}
	}
	return "", false
}
