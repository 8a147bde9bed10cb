package leaktest

import (
	"context"
	"io"

	"github.com/jackc/pgx/v5/pgproto3"
)

// departures are the ways in which a session ends. Nothing that was sent is
// certain to have run, and nothing of it may be seen by whoever comes next.
var departures = []struct {
	name string
	part func(*client)
}{
	{"terminate", (*client).terminate},
	{"terminate", (*client).terminate},
	{"terminate behind a query", (*client).terminateBehind},
	{"hang up", func(c *client) {}},
	{"hang up in a transaction", (*client).leaveTransaction},
	{"hang up under way", (*client).leaveQuery},
	{"hang up in a message", (*client).leaveMessage},
	{"hang up in a COPY", (*client).leaveCopy},
	{"hang up in a pipeline", (*client).leavePipeline},
}

// depart ends the session one way or another.
func (c *client) depart() {
	how := pick(c, departures)
	c.results.did(how.name)
	c.note("(" + how.name + ")")
	how.part(c)
	c.hangUp()
}

func (c *client) terminate() {
	ctx, done := context.WithTimeout(context.Background(), c.config.timeout())
	defer done()
	_ = c.conn.Close(ctx)
}

// terminateBehind says goodbye right behind a query, whose answer comes all the
// same.
func (c *client) terminateBehind() {
	c.group(extended).add(c.row())
	c.plan.send(&pgproto3.Terminate{})
	c.perform()
	if c.ended() {
		return
	}
	c.deadline()
	if m, err := c.conn.Frontend().Receive(); err == nil {
		if line, synchronous := render(m); synchronous {
			c.violated("wrong message", "after Terminate: "+line)
		}
	}
	_, _ = io.Copy(io.Discard, c.conn.Conn())
}

// stateful is SQL that makes all kinds of state, the worst that there is for
// whoever gets the server connection next.
func (c *client) stateful() string {
	word := c.word()
	list := []string{
		"set leak.x to " + quote(word),
		"set search_path to leak_b, " + word,
		"select set_config('TimeZone', 'Pacific/Chatham', false)",
		"set statement_timeout to 599999",
	}
	if c.sticky {
		list = append(list,
			"listen "+c.channel(c.index),
			"select pg_try_advisory_lock("+itoa(int(c.lockKey(0)))+")",
			"create temp table "+tables[0]+" as select "+quote(word)+"::text as word",
			"declare "+cursors[0]+" cursor with hold for select "+quote(word)+"::text, '1'::text",
			"prepare "+sqlPreparedNames[0]+"(text) as select "+quote(word)+"::text, $1",
		)
	}
	if c.config.Role != "" {
		list = append(list, "set role "+c.config.Role)
	}
	return pick(c, list)
}

func (c *client) leaveTransaction() {
	c.write(&pgproto3.Query{String: "begin"}, &pgproto3.Query{String: c.stateful()})
	if c.random.IntN(2) == 0 {
		c.readSome(1 + c.random.IntN(3))
	}
}

func (c *client) leaveQuery() {
	c.write(
		&pgproto3.Query{String: c.stateful()},
		&pgproto3.Query{String: pick(c, []string{"select pg_sleep(0.05)", "select repeat('x', 1000) from generate_series(1, 2000)"})},
		&pgproto3.Query{String: c.stateful()},
	)
	if c.random.IntN(2) == 0 {
		c.readSome(1 + c.random.IntN(3))
	}
}

func (c *client) leaveMessage() {
	torn := encode(
		&pgproto3.Query{String: c.stateful()},
		&pgproto3.Parse{Name: preparedNames[0], Query: "select " + quote(c.word()) + "::text, $1::text"},
		&pgproto3.Bind{PreparedStatement: preparedNames[0], Parameters: [][]byte{[]byte("1")}},
		&pgproto3.Execute{}, &pgproto3.Sync{},
		&pgproto3.Query{String: c.stateful()},
	)
	_, _ = c.conn.Conn().Write(torn[:1+c.random.IntN(len(torn)-1)])
}

// leaveCopy must leave no row behind; the next session looks.
func (c *client) leaveCopy() {
	word := c.word()
	c.write(&pgproto3.Query{String: c.stateful()}, &pgproto3.Query{String: copyIn})
	if c.random.IntN(2) == 0 {
		c.readSome(3)
	}
	c.write(&pgproto3.CopyData{Data: []byte(word + "\t1\n")}, &pgproto3.CopyData{Data: []byte(word + "\t2\n")})
	c.torn = word
}

func (c *client) leavePipeline() {
	c.write(
		&pgproto3.Parse{Query: c.stateful()}, &pgproto3.Bind{}, &pgproto3.Execute{},
		&pgproto3.Parse{Name: preparedNames[1], Query: "select " + quote(c.word()) + "::text, $1::text"},
		&pgproto3.Flush{},
	)
	if c.random.IntN(2) == 0 {
		c.write(&pgproto3.Sync{})
	}
	if c.random.IntN(2) == 0 {
		c.readSome(1)
	}
}

// readSome reads messages that nobody looks at.
func (c *client) readSome(n int) {
	for range n {
		c.deadline()
		if _, err := c.conn.Frontend().Receive(); err != nil {
			return
		}
	}
}
