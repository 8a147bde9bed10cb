package pgtest

import (
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Scripts are the conversations that must look the same wherever a client
// holds them. They need the rights of an ordinary role, leave nothing behind,
// and may be run in any order; between two of them the connection is new.
func Scripts() []Script {
	return slices.Concat(simpleScripts(), extendedScripts(), preparedScripts(), copyScripts(), sessionScripts(), startupScripts())
}

// simpleScripts are conversations of simple queries.
func simpleScripts() []Script {
	return []Script{
		{Name: "login"},
		// Promises: C46.
		{Name: "several statements in a query", Run: queries(
			"select 1; select 'two' as b, null as c; create temp table t (i int); insert into t values (1), (2); table t; drop table t",
			"begin; select 1; commit; select 2",
			"select 1; begin; select 2",
			"commit",
		)},
		// Promises: C46.
		{Name: "error in the middle of a query", Run: queries(
			"create temp table t (i int primary key)",
			"insert into t values (1); select 1/0; insert into t values (2)",
			"table t",
			"insert into t values (1); commit; insert into t values (1); select 'never'",
			"table t",
			"selec 1",
			"select * from no_such_table",
		)},
		// Promises: C47.
		{Name: "empty query", Run: queries("", " ", ";", "-- a comment", "select 1;; select 2;")},
		{Name: "every kind of column", Run: queries(
			"select true, 1::int2, 2::int4, 3::int8, 1.5::float8, 2.50::numeric(9,2), 'x'::char(3), 'y'::varchar(5), "+
				"'\\x00ff'::bytea, '2000-01-02'::date, '{1,null}'::int[], '{\"a\": 1}'::jsonb, null, ''",
			"select from (values (1), (2)) v",
		)},
		// Promises: C77.
		{Name: "large rows", Run: queries(
			"select g, repeat(chr(64 + g), 3 * 1024 * 1024) from generate_series(1, 4) g",
			"select g, repeat('x', g % 200) from generate_series(1, 500) g",
			"select length('"+strings.Repeat("long query ", 100_000)+"')",
		)},
		// Promises: C82.
		{Name: "transactions", Run: queries(
			"begin", "select 1", "commit",
			"begin", "begin", "rollback",
			"commit", "rollback",
			"begin isolation level serializable read only", "show transaction_isolation", "create temp table t ()", "rollback",
			"begin", "commit and chain", "rollback and chain", "rollback",
		)},
		// Promises: C82.
		{Name: "transactions in which nothing happens", Run: queries(
			"BEGIN", "", "-- nothing", "Commit;", "start transaction", " ; ", "rollback work", "begin work;", "abort", "begin", "end transaction",
			"begin isolation level repeatable read, read only", "show transaction_isolation", "show transaction_read_only", "commit",
			"START TRANSACTION READ WRITE NOT DEFERRABLE ISOLATION LEVEL SERIALIZABLE", "show transaction_isolation", "rollback",
			"begin", "select 1/0", "select 1", "commit",
			"begin", "savepoint a", "rollback to a", "commit",
			"begin", "start transaction", "end",
			"begin read only read only", "rollback", "begin read only,", "begin foo", "begin; commit", "begin", "commit and chain", "rollback",
			"begin /* why */ transaction", "rollback",
		)},
		// Promises: C82.
		{Name: "a transaction that begins before its statement", Run: func(c *Client) {
			c.Query("begin")
			c.ReadUntilReady()
			c.Send(&pgproto3.Sync{})
			c.ReadUntilReady()
			c.Send(&pgproto3.Parse{Query: "select $1::int"}, &pgproto3.Bind{Parameters: [][]byte{[]byte("1")}}, &pgproto3.Execute{}, &pgproto3.Sync{})
			c.ReadUntilReady()
			c.Query("commit")
			c.ReadUntilReady()
		}},
		{Name: "failed transactions", Run: queries(
			"begin", "select 1/0", "select 1", "commit",
			"begin", "savepoint a", "select 1/0", "rollback to a", "select 1", "release a", "commit",
			"begin", "select 1/0; select 2", "rollback",
		)},
		{Name: "notices", Run: queries(
			"do $$ begin raise notice 'note %', 1; raise warning 'beware' using detail = 'of this', hint = 'look'; raise info 'info'; end $$",
			"set client_min_messages = error",
			"do $$ begin raise notice 'not seen'; end $$",
			"do $$ begin raise exception 'own' using errcode = 'P0042', detail = 'd', table = 't', column = 'c'; end $$",
		)},
		{Name: "statement timeout", Run: queries("set statement_timeout = '20ms'", "select pg_sleep(30)", "reset statement_timeout", "select 1")},
		// Promises: C75.
		{Name: "function call", Run: functionCalls},
		{Name: "queries sent before the answers are read", Run: func(c *Client) {
			for _, sql := range []string{"select 1", "begin", "select 1/0", "select 2", "rollback", "", "select 3"} {
				c.Query(sql)
			}
			for range 7 {
				c.ReadUntilReady()
			}
		}},
		// Promises: K6.
		{Name: "good-bye right behind a query", Run: func(c *Client) {
			c.Query("select g from generate_series(1, 100) g")
			c.Terminate()
			c.ReadUntilClosed()
		}},
		{Name: "session ended by the server", Run: queries("select pg_terminate_backend(pg_backend_pid())")},
	}
}

// queries sends simple queries one after the other.
func queries(all ...string) func(*Client) {
	return func(c *Client) {
		for _, sql := range all {
			c.Query(sql)
			c.ReadUntilReady()
		}
	}
}

func functionCalls(c *Client) {
	const int4pl, lower, noFunction = 177, 870, 1
	for _, call := range []*pgproto3.FunctionCall{
		{Function: int4pl, Arguments: [][]byte{[]byte("40"), []byte("2")}},
		{Function: int4pl, ArgFormatCodes: []uint16{1}, Arguments: [][]byte{{0, 0, 0, 40}, {0, 0, 0, 2}}, ResultFormatCode: 1},
		{Function: lower, Arguments: [][]byte{nil}},
		{Function: noFunction},
		{Function: int4pl, Arguments: [][]byte{[]byte("forty"), []byte("2")}},
	} {
		c.Send(call)
		c.ReadUntilReady()
	}
	c.Query("begin")
	c.ReadUntilReady()
	c.Send(&pgproto3.FunctionCall{Function: int4pl, Arguments: [][]byte{[]byte("1"), []byte("2")}})
	c.ReadUntilReady()
	c.Send(&pgproto3.FunctionCall{Function: noFunction})
	c.ReadUntilReady()
}
