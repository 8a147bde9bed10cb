package leaktest

import (
	"fmt"
	"strconv"
	"strings"
)

// form is a kind of text for prepared statements. All but the first are the same
// for all clients, so that a pooler may share them.
type form string

const (
	formOwn    form = "own"    // answers a word of this client
	formMarker form = "marker" // answers the tenant
	formPlace  form = "place"  // what it reads depends on search_path
	formTyped  form = "typed"  // one text for parameters of different types
	formKnown  form = "known"  // answers a setting
	formSeries form = "series" // answers several rows
	formTable  form = "table"  // reads a temporary table, if there is one
	formBroken form = "broken" // a syntax error
	formGlance form = "glance" // settings
	formLook   form = "look"   // settings and everything else
	formOther  form = "other"  // of no interest, but there
)

// prepared is a statement that was prepared by Parse.
type prepared struct {
	form form
	word string // formOwn
	oid  uint32 // formTyped: the type of the parameter
}

// types are the parameter types that Parse names.
func (p prepared) types() []uint32 {
	if p.form == formTyped {
		return []uint32{p.oid}
	}
	return nil
}

// typeNames are the types that formTyped is prepared with.
var typeNames = map[uint32]string{20: "bigint", 23: "integer", 25: "text"}

const seriesLength = 5

// execution is what a prepared statement answers to an argument now.
func (c *client) execution(p prepared, argument string) statement {
	s := c.session
	var st statement
	switch p.form {
	case formOwn:
		st = selects(aboutPrepared, "select "+quote(p.word)+"::text, $1::text", p.word, argument)
	case formMarker:
		st = selects(aboutRow, "select name, $1::text from leak.marker", c.tenant.Name, argument)
	case formPlace:
		place := placeOf(s.settings["search_path"].value())
		st = selects(aboutSetting, "select place, $1::text from leak_place", place, argument)
		if place == "" {
			st.fails = noSuchTable
		}
	case formTyped:
		st = selects(aboutPrepared, "select pg_typeof($1)::text, $1::text", typeNames[p.oid], argument)
	case formKnown:
		st = selects(aboutSetting, "select current_setting('TimeZone'), $1::text", s.settings["TimeZone"].value(), argument)
	case formSeries:
		st = statement{sql: "select g::text, $1::text from generate_series(1, " + itoa(seriesLength) + ") g", topic: aboutRow, columns: true}
		for i := range seriesLength {
			st.rows = append(st.rows, []string{itoa(i + 1), argument})
		}
		st.tag = "SELECT " + itoa(seriesLength)
	case formTable:
		t, there := s.tables[tables[0]]
		st = selects(aboutTable, "select count(*)::text, coalesce(min(word), ''), $1::text from "+tables[0], itoa(t.rows), t.filledWith(), argument)
		if !there {
			st.fails = noSuchTable
		}
	case formBroken:
		st = statement{sql: "select from where $1", topic: aboutPrepared, fails: syntaxError}
	case formGlance, formLook:
		st = c.view(p.form == formLook, argument)
	}
	st.params = []string{argument}
	return st
}

// placeOf is the table leak_place that a search_path finds first.
func placeOf(searchPath string) string {
	for schema := range strings.SplitSeq(searchPath, ", ") {
		if schema == "leak_a" || schema == "leak_b" || schema == "public" {
			return schema
		}
	}
	return ""
}

// names of prepared statements, the same for all clients.
var (
	preparedNames    = []string{"p0", "p1", "p2", "p3", "a name; with 'all'"}
	sqlPreparedNames = []string{"q0", "q1", "q2"}
)

func (c *client) preparedName() string {
	if c.random.IntN(6) == 0 {
		return ""
	}
	return pick(c, preparedNames)
}

// newPrepared is something to prepare.
func (c *client) newPrepared() prepared {
	switch p := (prepared{form: pick(c, []form{formOwn, formOwn, formMarker, formPlace, formTyped, formKnown, formSeries, formTable})}); p.form {
	case formOwn:
		p.word = c.word()
		return p
	case formTyped:
		p.oid = pick(c, []uint32{20, 23, 25})
		return p
	default:
		return p
	}
}

func (c *client) argument() string { return strconv.Itoa(c.random.IntN(100_000)) }

// parse prepares under a name, free or not.
func (c *client) parse() {
	g := segment{c: c}
	name := c.preparedName()
	g.parse(name, c.newPrepared())
	if c.random.IntN(2) == 0 && !c.session.failed {
		g.describe(name)
	}
	if c.random.IntN(2) == 0 {
		g.sync()
	}
	g.use(name)
	g.sync()
}

// parseBroken fails, and leaves the name as it was.
func (c *client) parseBroken() {
	g := segment{c: c}
	g.parse(c.preparedName(), prepared{form: formBroken})
	g.parse(c.preparedName(), c.newPrepared()) // skipped
	g.sync()
}

// use executes a statement, whatever it is, unless it is of no interest.
func (g *segment) use(name string) {
	limit := 0
	switch g.c.session.prepared[name].form {
	case formOther:
		return
	case formSeries:
		limit = g.c.random.IntN(seriesLength)
	}
	if name == "look" && g.c.session.inBlock() {
		return
	}
	g.execute(name, g.c.argument(), limit)
}

// execute uses names, whether they are known or not.
func (c *client) execute() {
	g := segment{c: c}
	for range 1 + c.random.IntN(3) {
		g.use(c.preparedName())
		switch c.random.IntN(3) {
		case 0:
			g.sync()
		case 1:
			g.flush()
		}
	}
	g.sync()
}

// replace closes a name and gives it to another text at once.
func (c *client) replace() {
	g := segment{c: c}
	name := pick(c, preparedNames)
	g.close(name)
	g.parse(name, c.newPrepared())
	g.use(name)
	g.sync()
}

// rename prepares a text that is there already under another name, perhaps with
// another type.
func (c *client) rename() {
	g := segment{c: c}
	p, known := c.session.prepared[pick(c, preparedNames)]
	if !known {
		p = c.newPrepared()
	}
	if p.form == formTyped {
		p.oid = pick(c, []uint32{20, 23, 25})
	}
	name := pick(c, preparedNames)
	if c.random.IntN(2) == 0 {
		g.close(name)
	}
	g.parse(name, p)
	g.sync()
	g.use(name)
	g.sync()
}

// deallocate drops one statement or all by SQL.
func (c *client) deallocate() {
	s := c.session
	if c.random.IntN(4) == 0 {
		c.alone(commands(aboutPrepared, "deallocate all", "DEALLOCATE ALL", s.deallocateAll))
		return
	}
	if c.random.IntN(2) == 0 {
		c.alone(c.deallocateSQL(pick(c, sqlPreparedNames)))
		return
	}
	name := pick(c, preparedNames)
	st := commands(aboutPrepared, fmt.Sprintf(`deallocate prepare "%s"`, name), "DEALLOCATE", func() { delete(s.prepared, name) })
	if _, known := s.prepared[name]; !known {
		st.fails = noSuchPrepared
	}
	c.alone(st)
}

// deallocateSQL drops what PREPARE has made.
func (c *client) deallocateSQL(name string) statement {
	st := commands(aboutPrepared, "deallocate "+name, "DEALLOCATE", func() { delete(c.session.sqlPrepared, name) })
	if _, known := c.session.sqlPrepared[name]; !known {
		st.fails = noSuchPrepared
	}
	return st
}

// sqlPrepare is PREPARE or EXECUTE.
func (c *client) sqlPrepare() statement {
	s, name := c.session, pick(c, sqlPreparedNames)
	word, known := s.sqlPrepared[name]
	if c.random.IntN(2) == 0 {
		argument := c.argument()
		st := selects(aboutPrepared, "execute "+name+"("+quote(argument)+")", word, argument)
		if !known {
			st.fails = noSuchPrepared
		}
		return st
	}
	word = c.word()
	st := commands(aboutPrepared, "prepare "+name+" (text) as select "+quote(word)+"::text, $1", "PREPARE", func() { s.sqlPrepared[name] = word })
	if known {
		st.fails = preparedTaken
	}
	return st
}
