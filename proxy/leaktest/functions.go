package leaktest

import (
	"fmt"
	"strconv"
	"strings"
)

// function makes state where nobody can see it from outside. What it makes is
// named after the session, and forgiven there (see seen) whether it is still
// there or not.
func (c *client) function() statement {
	key := c.lockKey(functionLocks + c.random.IntN(locksPerSession-functionLocks))
	body := pick(c, []string{
		"perform set_config('leak.f', '" + c.word() + "', false);",
		"set leak.f to '" + c.word() + "';",
		"perform pg_try_advisory_lock(" + strconv.FormatInt(key, 10) + ");",
		"create temp table if not exists " + functionName(c.session.id) + " (i int);",
		"execute 'listen " + functionName(c.session.id) + "';",
	})
	if c.random.IntN(2) == 0 {
		return selects(aboutRow, "select leak.run("+quote(body)+")", body)
	}
	return commands(aboutRow, fmt.Sprintf("do $leak$begin %s end$leak$", body), "DO", nil)
}

// functionName is how a session's functions call tables and channels.
func functionName(id string) string { return "leak_f_" + id }

// madeByFunction reports whether something in a list of a look was made by this
// session's own functions.
func (c *client) madeByFunction(column, item string) bool {
	switch column {
	case columnTables, columnChannels:
		return item == functionName(c.session.id)
	case columnLocks:
		key, err := strconv.ParseInt(item, 10, 64)
		return err == nil && key >= c.lockKey(functionLocks) && key < c.lockKey(locksPerSession)
	}
	return false
}

// definition of leak.run, which runs statements of PL/pgSQL.
var functionDefinition = strings.TrimSpace(`
create or replace function leak.run(body text) returns text language plpgsql as
$$begin execute 'do ' || quote_literal('begin ' || body || ' end'); return body; end$$`)
