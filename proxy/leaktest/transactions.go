package leaktest

import "strings"

// savepointNames may be there several times in a transaction.
var savepointNames = []string{"s0", "s1"}

func (c *client) begin() statement {
	s := c.session
	sql := pick(c, []string{"begin", "BEGIN", "start transaction", "begin read write"})
	tag := "BEGIN"
	if sql == "start transaction" {
		tag = "START TRANSACTION"
	}
	return commands(aboutControl, sql, tag, s.begin)
}

func (c *client) commit() statement {
	s, tag := c.session, "COMMIT"
	if s.failed {
		tag = "ROLLBACK"
	}
	st := commands(aboutControl, pick(c, []string{"commit", "COMMIT", "end"}), tag, s.commit)
	st.exits = true
	return st
}

func (c *client) rollback() statement {
	st := commands(aboutControl, pick(c, []string{"rollback", "ROLLBACK", "abort"}), "ROLLBACK", c.session.rollback)
	st.exits = true
	return st
}

func (c *client) savepoint() statement {
	s, name := c.session, pick(c, savepointNames)
	return commands(aboutControl, "savepoint "+name, "SAVEPOINT", func() {
		s.levels = append(s.levels, level{name: name, state: s.state.clone()})
	})
}

func (c *client) rollbackTo() statement {
	s, name := c.session, pick(c, savepointNames)
	depth := s.savepoint(name)
	st := commands(aboutControl, "rollback to savepoint "+name, "ROLLBACK", func() {
		s.restore(depth)
		s.failed = false
	})
	st.exits = true
	if depth < 0 {
		st.fails = noSuchSavepoint
	}
	return st
}

func (c *client) release() statement {
	s, name := c.session, pick(c, savepointNames)
	depth := s.savepoint(name)
	st := commands(aboutControl, "release "+name, "RELEASE", func() { s.levels = s.levels[:depth] })
	if depth < 0 {
		st.fails = noSuchSavepoint
	}
	return st
}

// failing is a statement that fails whatever the state is.
func (c *client) failing() statement {
	return pick(c, []statement{
		{sql: "select 1/0", topic: aboutRow, columns: true, fails: divisionByZero},
		{sql: "select 'x'::int", topic: aboutRow, columns: true, fails: invalidText},
		{sql: "select * from leak.nothing", topic: aboutRow, columns: true, fails: noSuchTable},
	})
}

// mistyped has an error that is found before anything of it runs, so it cannot
// be put together with others.
func (c *client) mistyped() {
	c.alone(statement{sql: "set leak.x to 'lost' oops", topic: aboutRow, fails: syntaxError})
}

// discardAll is refused inside a block.
func (c *client) discardAll() {
	st := commands(aboutControl, pick(c, []string{"discard all", "DISCARD ALL"}), "DISCARD ALL", c.session.discardAll)
	if c.session.inBlock() {
		st.fails = activeTransaction
	}
	c.alone(st)
}

// row asks for a word of its own.
func (c *client) row() statement {
	word := c.word()
	st := selects(aboutRow, "select $1::text, name from leak.marker", word, c.tenant.Name)
	st.params = []string{word}
	return st
}

// large asks for more than a buffer holds.
func (c *client) large() statement {
	word := c.word()
	st := statement{sql: "select " + quote(word) + "::text, g::text, repeat('x', 500) from generate_series(1, 100) g", topic: aboutRow, columns: true, tag: "SELECT 100"}
	padding := strings.Repeat("x", 500)
	for i := range 100 {
		st.rows = append(st.rows, []string{word, itoa(i + 1), padding})
	}
	return st
}

// anything is a statement that can stand anywhere.
func (c *client) anything() statement {
	choice := c.random.IntN(16)
	if !c.sticky && choice >= 11 {
		choice = c.random.IntN(11)
	}
	switch choice {
	case 0, 1, 2:
		return c.row()
	case 3:
		return c.failing()
	case 11:
		return c.lock()
	case 12:
		return c.table()
	case 13:
		return c.cursor()
	case 14:
		return c.listen()
	case 15:
		return c.sqlPrepare()
	}
	return c.setting()
}

// several are sent in one Query, in a pipeline, or each alone without waiting
// for the answers.
func (c *client) several() {
	g := c.group(way(c.random.IntN(int(ways))))
	for range 2 + c.random.IntN(3) {
		g.add(c.anything())
	}
	g.end()
}

// block is a whole transaction sent at once; one that fails stays open.
func (c *client) block() {
	if c.session.inBlock() {
		c.several()
		return
	}
	g := c.group(way(c.random.IntN(int(ways))))
	if c.random.IntN(3) == 0 {
		g.add(c.setting()) // in one Query or pipeline it becomes part of the block
	}
	g.add(c.begin())
	for range 1 + c.random.IntN(3) {
		g.add(c.anything())
		if c.random.IntN(4) == 0 {
			g.add(c.savepoint())
			g.add(c.setting())
			g.add(c.rollbackTo())
		}
	}
	if c.random.IntN(2) == 0 {
		g.add(c.commit())
	} else {
		g.add(c.rollback())
	}
	if c.random.IntN(3) == 0 {
		g.add(c.setting())
		g.add(c.failing())
	}
	g.end()
}
