package leaktest

import (
	"fmt"
	"strconv"
)

// names of temporary tables and cursors, the same for all clients.
var (
	tables  = []string{"leak_t0", "leak_t1"}
	cursors = []string{"leak_c0", "leak_c1"}
)

const cursorLength = 1000

func (t table) filledWith() string {
	if t.rows == 0 {
		return ""
	}
	return t.word
}

// table makes, fills, reads or drops a temporary table.
func (c *client) table() statement {
	s, name := c.session, pick(c, tables)
	t, there := s.tables[name]
	choice := c.random.IntN(4)
	if !there && c.random.IntN(3) > 0 {
		choice = 0
	}
	var st statement
	switch choice {
	case 0:
		made := table{word: c.word()}
		sql := "create temp table " + name + " (word text)"
		if s.inBlock() && c.random.IntN(3) == 0 {
			made.dropsItself = true
			sql = "CREATE LOCAL TEMPORARY TABLE " + name + " (word text) ON COMMIT DROP"
		}
		st = commands(aboutTable, sql, "CREATE TABLE", func() { s.tables[name] = made })
		if there {
			st.fails = tableTaken
		}
		return st
	case 1:
		n := 1 + c.random.IntN(5)
		word := quote(t.word)
		st = commands(aboutTable, fmt.Sprintf("insert into %s select %s from generate_series(1, %d)", name, word, n), "INSERT 0 "+itoa(n), func() {
			t.rows += n
			s.tables[name] = t
		})
	case 2:
		st = selects(aboutTable, "select count(*)::text, coalesce(min(word), ''), coalesce(max(word), '') from "+name, itoa(t.rows), t.filledWith(), t.filledWith())
	case 3:
		st = c.dropTable(name)
	}
	if !there {
		st.fails = noSuchTable
	}
	return st
}

func (c *client) dropTable(name string) statement {
	return commands(aboutTable, "drop table "+name, "DROP TABLE", func() { delete(c.session.tables, name) })
}

// cursor declares, reads or closes a cursor.
func (c *client) cursor() statement {
	s, name := c.session, pick(c, cursors)
	old, there := s.cursors[name]
	choice := c.random.IntN(4)
	if !there && c.random.IntN(3) > 0 {
		choice = 0
	}
	var st statement
	switch choice {
	case 0:
		made := &cursor{word: c.word(), hold: true}
		hold := " with hold"
		if s.inBlock() && c.random.IntN(2) == 0 {
			made.hold, hold = false, ""
		}
		st = commands(aboutCursor, fmt.Sprintf("declare %s cursor%s for select %s::text, g::text from generate_series(1, %d) g", name, hold, quote(made.word), cursorLength),
			"DECLARE CURSOR", func() { s.cursors[name] = made })
		if there {
			st.fails = cursorTaken
		}
		return st
	case 1, 2:
		n := 1 + c.random.IntN(3)
		st = statement{sql: fmt.Sprintf("fetch %d from %s", n, name), topic: aboutCursor, columns: true}
		if there {
			n = min(n, cursorLength-old.next)
			for i := range n {
				st.rows = append(st.rows, []string{old.word, itoa(old.next + i + 1)})
			}
			st.effect = func() { old.next += n }
		}
		st.tag = "FETCH " + itoa(n)
	case 3:
		st = c.closeCursor(name)
	}
	if !there {
		st.fails = noSuchCursor
	}
	return st
}

func (c *client) closeCursor(name string) statement {
	return commands(aboutCursor, "close "+name, "CLOSE CURSOR", func() { c.session.closeCursor(name) })
}

// locksPerSession is how many keys a session has for advisory locks; those from
// functionLocks on are taken by functions only.
const (
	locksPerSession = 8
	functionLocks   = 5
)

// lockKey is a key that only this session uses, so that it never waits for one
// that has just ended.
func (c *client) lockKey(n int) int64 {
	return int64((c.number*10_000+c.sessions%10_000)*locksPerSession + n)
}

// lock takes, tries or gives back an advisory lock.
func (c *client) lock() statement {
	s, key := c.session, c.lockKey(c.random.IntN(functionLocks))
	argument := "(" + strconv.FormatInt(key, 10) + ")"
	switch c.random.IntN(5) {
	case 0, 1:
		st := selects(aboutLock, "select pg_try_advisory_lock"+argument, "t")
		st.effect = func() { s.locks[key]++ }
		return st
	case 2:
		st := selects(aboutLock, "select pg_try_advisory_xact_lock"+argument, "t")
		st.effect = func() { s.xactLocks[key] = true }
		return st
	}
	return c.unlock(key)
}

func (c *client) unlock(key int64) statement {
	s := c.session
	held := s.locks[key] > 0
	st := selects(aboutLock, "select pg_advisory_unlock("+strconv.FormatInt(key, 10)+")", "f")
	if held {
		st.rows[0][0] = "t"
		st.effect = func() {
			if s.locks[key]--; s.locks[key] == 0 {
				delete(s.locks, key)
			}
		}
	}
	return st
}

// channel is the name of a client's channel, the same in all tenants.
func (c *client) channel(index int) string { return "leak_n" + itoa(index) }

// listen listens, stops to, or notifies: itself, or a neighbour.
func (c *client) listen() statement {
	s, channel := c.session, c.channel(c.index)
	switch c.random.IntN(6) {
	case 0, 1:
		return commands(aboutListen, "listen "+channel, "LISTEN", func() { s.listening = true })
	case 2:
		return commands(aboutListen, pick(c, []string{"unlisten *", "unlisten " + channel}), "UNLISTEN", func() { s.listening = false })
	case 3:
		neighbour := c.channel((c.index + 1 + c.random.IntN(max(1, c.neighbours-1))) % max(1, c.neighbours))
		if neighbour != channel {
			return commands(aboutListen, "notify "+neighbour+", "+quote(c.tenant.Name+neighbourPayload+c.word()), "NOTIFY", nil)
		}
	}
	payload := c.word()
	notified := func() { s.notified = append(s.notified, payload) }
	if c.random.IntN(2) == 0 {
		st := selects(aboutListen, "select pg_notify("+quote(channel)+", "+quote(payload)+")", "")
		st.effect = notified
		return st
	}
	return commands(aboutListen, "notify "+channel+", "+quote(payload), "NOTIFY", notified)
}

// neighbourPayload stands between the sender's tenant and the rest.
const neighbourPayload = ":neighbour:"
