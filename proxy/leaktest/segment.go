package leaktest

import (
	"fmt"

	"github.com/jackc/pgx/v5/pgproto3"
)

// segment is messages of the extended protocol up to a Sync. After an error the
// server skips the rest of it.
type segment struct {
	c    *client
	skip bool
}

// statement is Parse, Bind, perhaps Describe, and Execute, all unnamed.
func (g *segment) statement(st statement) {
	c := g.c
	describe := c.random.IntN(2) == 0
	c.note(st.sql)
	sql := st.sql
	if c.random.IntN(2) == 0 && !st.bound {
		sql, st.params = st.inline(), nil
	}
	c.plan.send(&pgproto3.Parse{Query: sql}, &pgproto3.Bind{Parameters: values(st.params)})
	if describe {
		c.plan.send(&pgproto3.Describe{ObjectType: 'P'})
	}
	c.plan.send(&pgproto3.Execute{})
	if g.skip {
		return
	}
	c.session.dropUnnamed()
	code := c.session.run(st)
	c.session.prepared[""] = prepared{form: formOther} // after an error it may be there or not
	if code != "" {
		g.failed(st, code)
		return
	}
	c.plan.expect(st, "1", "2")
	g.described(st, describe)
	c.plan.expectRows(st, st.rows)
	c.plan.expect(st, "C "+st.tag)
}

func (g *segment) failed(st statement, code string) {
	g.c.plan.expectError(st, code)
	g.skip = true
}

func (g *segment) described(st statement, describe bool) {
	switch {
	case !describe:
	case st.columns:
		g.c.plan.expect(st, "T")
	default:
		g.c.plan.expect(st, "n")
	}
}

// parse prepares a statement by name.
func (g *segment) parse(name string, p prepared) {
	c, s := g.c, g.c.session
	st := c.execution(p, "")
	c.note(fmt.Sprintf("Parse %q: %s", name, st.sql))
	c.plan.send(&pgproto3.Parse{Name: name, Query: st.sql, ParameterOIDs: p.types()})
	if g.skip {
		return
	}
	if name == "" {
		s.dropUnnamed()
	}
	_, taken := s.prepared[name]
	st = statement{sql: st.sql, topic: aboutPrepared, fails: st.fails}
	if st.fails == "" && taken {
		st.fails = preparedTaken
	}
	if code := s.run(st); code != "" {
		g.failed(st, code)
		return
	}
	c.plan.expect(st, "1")
	s.prepared[name] = p
}

// execute binds and executes a statement by name, limit rows at a time if that
// is not 0.
func (g *segment) execute(name, argument string, limit int) {
	c, s := g.c, g.c.session
	p, known := s.prepared[name]
	st := c.execution(p, argument)
	if !known {
		st = statement{topic: aboutPrepared, fails: noSuchPrepared, exits: true} // that comes before 25P02
	}
	describe := c.random.IntN(3) == 0
	c.note(fmt.Sprintf("Bind %q (%s)", name, argument))
	c.plan.send(&pgproto3.Bind{PreparedStatement: name, Parameters: [][]byte{[]byte(argument)}})
	if describe {
		c.plan.send(&pgproto3.Describe{ObjectType: 'P'})
	}
	executions := 1
	if limit > 0 {
		executions = len(st.rows)/limit + 1
	}
	for range executions {
		c.plan.send(&pgproto3.Execute{MaxRows: uint32(limit)})
	}
	if g.skip {
		return
	}
	if code := s.run(st); code != "" {
		g.failed(st, code)
		return
	}
	c.plan.expect(st, "2")
	g.described(st, describe)
	rows := st.rows
	for ; limit > 0 && len(rows) >= limit; rows = rows[limit:] {
		c.plan.expectRows(st, rows[:limit])
		c.plan.expect(st, "s")
	}
	c.plan.expectRows(st, rows)
	if limit > 0 {
		st.tag = "SELECT " + itoa(len(rows))
	}
	c.plan.expect(st, "C "+st.tag)
}

// describe asks for a statement's parameters and columns.
func (g *segment) describe(name string) {
	c, s := g.c, g.c.session
	p, known := s.prepared[name]
	st := c.execution(p, "")
	st.effect = nil
	if !known {
		st = statement{topic: aboutPrepared, fails: noSuchPrepared, exits: true}
	}
	c.note(fmt.Sprintf("Describe %q", name))
	c.plan.send(&pgproto3.Describe{ObjectType: 'S', Name: name})
	if g.skip {
		return
	}
	if code := s.run(st); code != "" {
		// The parameters are described before the error is found.
		g.failed(st, code)
		return
	}
	c.plan.expect(st, "t", "T")
}

// close closes a statement, whether there is one or not.
func (g *segment) close(name string) {
	c := g.c
	c.note(fmt.Sprintf("Close %q", name))
	c.plan.send(&pgproto3.Close{ObjectType: 'S', Name: name})
	if g.skip {
		return
	}
	c.plan.expect(statement{topic: aboutPrepared}, "3")
	delete(c.session.prepared, name)
}

// flush asks for what there is so far.
func (g *segment) flush() { g.c.plan.send(&pgproto3.Flush{}) }

func (g *segment) sync() {
	g.c.plan.send(&pgproto3.Sync{})
	g.c.expectReady()
	g.skip = false
}

func values(params []string) [][]byte {
	var list [][]byte
	for _, param := range params {
		list = append(list, []byte(param))
	}
	return list
}
