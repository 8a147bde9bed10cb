package leaktest

import (
	"fmt"
	"strings"
)

const (
	roleSetting     = "role"
	functionSetting = "leak.f" // set by functions only
)

// setting is a setting that clients change.
type setting struct {
	name   string
	choose func(c *client) value
	// startup: it may be in the startup message: for every pooler, or only
	// where Config.Startup is set.
	startup allowed
}

type allowed int

const (
	never allowed = iota
	ifAsked
	always
)

// value is a value of a setting in its three shapes.
type value struct {
	literal string // behind SET name TO; "" if text in quotes will do
	text    string // the argument of set_config
	shown   string // what current_setting answers
	phrase  string // all that stands behind SET, if that has a syntax of its own
	noLocal bool   // phrase does not go with LOCAL
}

func (v value) constant() string {
	if v.literal != "" {
		return v.literal
	}
	return quote(v.text)
}

func same(text string) value { return value{text: text, shown: text} }

// oneOf chooses among values that are shown as they are written.
func oneOf(texts ...string) func(*client) value {
	return func(c *client) value { return same(pick(c, texts)) }
}

var settings = []setting{
	{"search_path", searchPath, ifAsked},
	{"statement_timeout", statementTimeout, ifAsked},
	{"TimeZone", timeZone, always},
	{"DateStyle", dateStyle, always},
	{"IntervalStyle", oneOf("postgres", "postgres_verbose", "sql_standard", "iso_8601"), ifAsked},
	{"application_name", func(c *client) value { return same("it's " + c.word()) }, never}, // always sent
	{"leak.x", custom, ifAsked},
	{"leak.y", custom, never},
	{"work_mem", workMem, never},
	{"extra_float_digits", oneOf("-3", "0", "1", "2", "3"), never},
	{"client_encoding", clientEncoding, never},
	{"default_transaction_isolation", isolation, never},
	{"standard_conforming_strings", oneOf("on", "on", "off"), never},
}

// embed chooses among texts and puts a word of its own in, so that whoever sees
// the value knows whose it is.
func (c *client) embed(texts ...string) string {
	return strings.ReplaceAll(pick(c, texts), "%", c.word())
}

func custom(c *client) value {
	return same(c.embed("%", "% o'brien; reset all; --", `% "x" $1 $$ /*`, " %  "))
}

func searchPath(c *client) value {
	list := c.embed("leak_a, %", "%, leak_b", `"C %", leak_b, public`, `"$user", leak_a, %`, "leak_b, leak_a, %", "%")
	if c.random.IntN(12) == 0 {
		return value{literal: `''`, text: `""`, shown: `""`}
	}
	return value{literal: list, text: list, shown: list}
}

func statementTimeout(c *client) value {
	milliseconds := itoa(600_001 + 2*c.random.IntN(100_000)) // shown in ms, since it is no whole second
	return value{literal: milliseconds, text: milliseconds, shown: milliseconds + "ms"}
}

func workMem(c *client) value {
	kilobytes := itoa(4097 + 2*c.random.IntN(1000))
	return value{text: kilobytes + "kB", shown: kilobytes + "kB"}
}

func timeZone(c *client) value {
	switch c.random.IntN(8) {
	case 0:
		return value{literal: "-7", text: "-7", shown: "<-07>+07"}
	case 1:
		return value{text: "3.5", shown: "<+03:30>-03:30"}
	case 2:
		return value{text: "<-03:30>+03:30", shown: "<-03:30>+03:30", phrase: "time zone interval '-03:30' hour to minute"}
	case 3:
		return value{text: "Asia/Tokyo", shown: "Asia/Tokyo", phrase: "time zone 'Asia/Tokyo'"}
	}
	return same(pick(c, []string{"Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC", "Pacific/Chatham"}))
}

// dateStyle is two settings in one: a style alone keeps the order.
func dateStyle(c *client) value {
	style, order := pick(c, []string{"ISO", "SQL", "Postgres"}), pick(c, []string{"DMY", "MDY", "YMD"})
	if c.random.IntN(3) > 0 {
		return same(style + ", " + order)
	}
	_, order, _ = strings.Cut(c.session.settings["DateStyle"].value(), ", ")
	return value{text: style, shown: style + ", " + order}
}

func clientEncoding(c *client) value {
	v := same(pick(c, []string{"UTF8", "LATIN1", "SQL_ASCII"}))
	if c.random.IntN(2) == 0 {
		v.phrase = "names " + quote(v.text)
	}
	return v
}

func isolation(c *client) value {
	v := same(pick(c, []string{"read committed", "repeatable read"}))
	if c.random.IntN(2) == 0 {
		v.phrase, v.noLocal = "session characteristics as transaction isolation level "+v.text, true
	}
	return v
}

// setting is a statement that changes a setting, or several.
func (c *client) setting() statement {
	s := c.session
	chosen := pick(c, settings)
	name, v := chosen.name, chosen.choose(c)
	set := func(local bool) func() { return func() { s.set(name, v.shown, local) } }
	switch c.random.IntN(12) {
	case 0, 1, 2:
		return c.setStatement(name, v, false)
	case 3:
		return c.setStatement(name, v, true)
	case 4, 5:
		st := selects(aboutSetting, "select set_config("+quote(name)+", "+quote(v.text)+", false)", v.shown)
		st.effect = set(false)
		return st
	case 6:
		st := selects(aboutSetting, "SELECT pg_catalog.set_config("+quote(name)+", "+quote(v.text)+", true)", v.shown)
		st.effect = set(true)
		return st
	case 7:
		return c.twoSettings()
	case 8:
		return commands(aboutSetting, "reset "+name, "RESET", func() { s.set(name, s.defaults[name], false) })
	case 9:
		return commands(aboutSetting, "set "+name+" to default", "SET", func() { s.set(name, s.defaults[name], false) })
	case 10:
		st := statement{
			sql: "show " + name, topic: aboutSession, columns: true, labels: []string{name},
			rows: [][]string{{s.settings[name].value()}}, tag: "SHOW",
		}
		if strings.HasPrefix(name, "leak.") { // 42704 before anybody has set it
			st.sql, st.tag = "select coalesce(current_setting("+quote(name)+", true), '')", "SELECT 1"
		}
		return st
	}
	if c.random.IntN(3) > 0 {
		return c.setStatement(name, v, false)
	}
	if c.random.IntN(3) > 0 {
		return commands(aboutSetting, "reset all", "RESET", s.resetAll)
	}
	st := selects(aboutSetting, "select set_config("+quote(name)+", $1, false)", v.shown)
	st.params, st.bound = []string{v.text}, true
	st.effect = func() { set(false)(); s.nonconstant = true }
	return st
}

// setStatement is SET in one of its spellings.
func (c *client) setStatement(name string, v value, local bool) statement {
	scope := ""
	switch {
	case local && !v.noLocal:
		scope = pick(c, []string{"local ", "LOCAL\n"})
	case !v.noLocal && c.random.IntN(3) == 0:
		scope = "session "
	}
	tail := name + pick(c, []string{" to ", " = ", "=", " TO/**/"}) + v.constant()
	if v.phrase != "" {
		tail = v.phrase
	}
	local = local && !v.noLocal
	return commands(aboutSetting, pick(c, []string{"set ", "SET "})+scope+tail, "SET", func() { c.session.set(name, v.shown, local) })
}

// twoSettings sets two in one SELECT.
func (c *client) twoSettings() statement {
	first, second := pick(c, settings), pick(c, settings)
	if first.name == second.name || second.name == "DateStyle" {
		second = setting{name: "leak.y", choose: custom}
	}
	if first.name == second.name {
		first = setting{name: "leak.x", choose: custom}
	}
	v, w := first.choose(c), second.choose(c)
	st := selects(aboutSetting, fmt.Sprintf("select set_config(%s, %s, false), set_config(%s, %s, false)",
		quote(first.name), quote(v.text), quote(second.name), quote(w.text)), v.shown, w.shown)
	st.effect = func() {
		c.session.set(first.name, v.shown, false)
		c.session.set(second.name, w.shown, false)
	}
	return st
}

// role changes the role.
func (c *client) role() statement {
	s := c.session
	set := func(role string, local bool) func() { return func() { s.set(roleSetting, role, local) } }
	switch c.random.IntN(5) {
	case 0:
		return commands(aboutSetting, "set role "+c.config.Role, "SET", set(c.config.Role, false))
	case 1:
		return commands(aboutSetting, "set local role "+c.config.Role, "SET", set(c.config.Role, true))
	case 2:
		st := selects(aboutSetting, "select set_config('role', "+quote(c.config.Role)+", false)", c.config.Role)
		st.effect = set(c.config.Role, false)
		return st
	case 3:
		return commands(aboutSetting, "set role none", "SET", set("none", false))
	}
	return commands(aboutSetting, "reset role", "RESET", set("none", false))
}
