package pgtest

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// extendedScripts are conversations of extended queries and pipelines.
func extendedScripts() []Script {
	return []Script{
		// Promises: C57, C62.
		{Name: "extended query with every message", Run: func(c *Client) {
			c.Parse("s", "select $1::int4 + 1 as n, $2 || 'x' as t", 0, 25)
			c.DescribeStatement("s")
			c.Bind("p", "s", "41", "a")
			c.DescribePortal("p")
			c.Execute("p", 0)
			c.ClosePortal("p")
			c.CloseStatement("s")
			c.Sync()
			c.ReadUntilReady()
			c.Parse("", "create temp table t (i int)")
			c.DescribeStatement("")
			c.Bind("", "")
			c.DescribePortal("")
			c.Execute("", 0)
			c.Sync()
			c.ReadUntilReady()
		}},
		// Promises: C76.
		{Name: "NULL, binary and empty parameters", Run: func(c *Client) {
			c.Parse("", "select $1::int4, $2::text, $3::bytea")
			c.Send(&pgproto3.Bind{
				ParameterFormatCodes: []int16{1, 0, 1}, ResultFormatCodes: []int16{1, 0, 1},
				Parameters: [][]byte{nil, {}, {0, 1, 2}},
			})
			c.DescribePortal("")
			c.Execute("", 0)
			c.Sync()
			c.ReadUntilReady()
		}},
		// Promises: C76.
		{Name: "many parameters", Run: manyParameters},
		// Promises: C76.
		{Name: "as many parameters as there can be", Run: func(c *Client) {
			bindMany(c, 65535)
			c.Execute("", 0)
			c.Sync()
			c.ReadUntilReady()
		}},
		// Promises: C76.
		{Name: "parameter formats without parameters", Run: func(c *Client) {
			for _, formats := range [][]int16{{1}, {0, 1}} { // one is for all, however many those are
				c.Parse("", "select 1")
				c.Send(&pgproto3.Bind{ParameterFormatCodes: formats})
				c.Execute("", 0)
				c.Sync()
				c.ReadUntilReady()
			}
		}},
		// Promises: C47.
		{Name: "empty extended query", Run: func(c *Client) {
			c.Parse("", "")
			c.DescribeStatement("")
			c.Bind("", "")
			c.DescribePortal("")
			c.Execute("", 0)
			c.Sync()
			c.ReadUntilReady()
		}},
		// Promises: C81.
		{Name: "Sync alone", Run: func(c *Client) {
			c.Sync()
			c.ReadUntilReady()
			c.Sync()
			c.Sync()
			c.ReadUntilReady()
			c.ReadUntilReady()
			c.Query("begin")
			c.ReadUntilReady()
			c.Sync()
			c.ReadUntilReady()
		}},
		// Promises: C54.
		{Name: "Flush instead of Sync", Run: func(c *Client) {
			c.Flush()
			c.Parse("s", "select 1")
			c.Flush()
			c.ReadUntil('1')
			c.DescribeStatement("s")
			c.Flush()
			c.ReadUntil('T')
			c.Bind("", "s")
			c.Execute("", 0)
			c.Flush()
			c.ReadUntil('C')
			c.Sync()
			c.ReadUntilReady()
		}},
		// Promises: C50, C55.
		{Name: "error is told before Sync", Run: func(c *Client) {
			c.Parse("", "selec 1")
			c.ReadUntil('E')
			c.Bind("", "")
			c.Execute("", 0)
			c.Flush()
			c.Sync()
			c.ReadUntilReady()
		}},
		{Name: "pipeline", Run: func(c *Client) {
			for i := range 20 {
				execute := fmt.Sprintf("select %d", i)
				c.Parse("", execute)
				c.Bind("", "")
				c.Execute("", 0)
			}
			c.Sync()
			c.ReadUntilReady()
		}},
		// Promises: C48, K3.
		{Name: "pipeline with an error", Run: func(c *Client) {
			c.Query("create temp table t (i int)")
			c.ReadUntilReady()
			for _, sql := range []string{"insert into t values (1)", "select 1/0", "insert into t values (2)"} {
				c.Parse("", sql)
				c.Bind("", "")
				c.Execute("", 0)
			}
			c.Parse("skipped", "select 1")
			c.Sync()
			// The next group is on its way already.
			c.Parse("", "select count(*) from t")
			c.Bind("", "")
			c.Execute("", 0)
			c.Sync()
			c.Bind("", "skipped")
			c.Execute("", 0)
			c.Sync()
			for range 3 {
				c.ReadUntilReady()
			}
		}},
		// Promises: C51.
		{Name: "pipeline with two transactions", Run: func(c *Client) {
			for _, sql := range []string{"begin", "select 1", "commit", "begin", "select 2", "rollback"} {
				c.Parse("", sql)
				c.Bind("", "")
				c.Execute("", 0)
				c.Sync()
			}
			for range 6 {
				c.ReadUntilReady()
			}
		}},
		// Promises: C56, C59.
		{Name: "simple query inside a pipeline", Run: func(c *Client) {
			c.Parse("", "select 1")
			c.Bind("", "")
			c.Query("select 2")
			c.ReadUntilReady()
			c.Execute("", 0) // the unnamed portal is gone
			c.Sync()
			c.ReadUntilReady()
			c.Parse("", "selec 1")
			c.Query("select 'skipped'")
			c.Sync()
			c.ReadUntilReady()
		}},
		// Promises: C58.
		{Name: "portal suspended", Run: func(c *Client) {
			c.Parse("s", "select g from generate_series(1, 5) g")
			c.Bind("p", "s")
			c.Execute("p", 2)
			c.Flush()
			c.ReadUntil('s')
			c.Execute("p", 2)
			c.Flush()
			c.ReadUntil('s')
			c.Execute("p", 2)
			c.Execute("p", 2)
			c.Sync()
			c.ReadUntilReady()
		}},
		// Promises: C58, C59.
		{Name: "portal suspended over Sync", Run: func(c *Client) {
			c.Query("begin")
			c.ReadUntilReady()
			c.Parse("s", "select g from generate_series(1, 5) g")
			c.Bind("p", "s")
			for range 3 {
				c.Execute("p", 2)
				c.Sync()
				c.ReadUntilReady()
			}
			c.Query("commit")
			c.ReadUntilReady()
			c.Execute("p", 2) // went with the transaction
			c.Sync()
			c.ReadUntilReady()
			c.Bind("p", "s")
			c.Execute("p", 2)
			c.Sync()
			c.ReadUntilReady()
			c.Execute("p", 2) // and so did this one, at Sync
			c.Sync()
			c.ReadUntilReady()
		}},
		// Promises: C59.
		{Name: "portals end with their transaction", Run: func(c *Client) {
			c.Query("begin")
			c.ReadUntilReady()
			c.Parse("s", "select g from generate_series(1, 5) g")
			c.Bind("p", "s")
			c.Bind("", "s")
			c.Execute("p", 1)
			c.Execute("", 1)
			c.Bind("", "s") // in the place of the other one
			c.Execute("", 1)
			c.Sync()
			c.ReadUntilReady()
			for _, end := range []string{"select 'the unnamed portal ends'", "commit"} {
				c.Query(end)
				c.ReadUntilReady()
				for _, portal := range []string{"", "p"} {
					c.DescribePortal(portal)
					c.Sync()
					c.ReadUntilReady()
				}
			}
			c.Query("rollback")
			c.ReadUntilReady()
			c.Bind("p", "s") // the name is free
			c.DescribePortal("p")
			c.Execute("p", 0)
			c.Sync()
			c.ReadUntilReady()
		}},
		// Promises: C58.
		{Name: "many rows by portal", Run: func(c *Client) {
			c.Parse("", "select g, repeat('r', 500) from generate_series(1, 500) g")
			c.Bind("", "")
			c.Execute("", 200)
			c.Execute("", 200)
			c.Execute("", 0)
			c.Sync()
			c.ReadUntilReady()
		}},
	}
}

// bindMany prepares and binds n parameters.
func bindMany(c *Client, n int, long ...string) {
	places, values := make([]string, n), make([]string, n)
	for i := range n {
		places[i], values[i] = fmt.Sprintf("$%d", i+1), fmt.Sprint(i)
	}
	copy(values[n/2:], long)
	c.Parse("", "select count(*), max(length(x)) from unnest(array["+strings.Join(places, ",")+"]::text[]) x")
	c.Bind("", "", values...)
}

// manyParameters binds 5000 parameters, of which one is long.
func manyParameters(c *Client) {
	bindMany(c, 5000, strings.Repeat("v", 1<<20))
	c.Execute("", 0)
	c.Sync()
	c.ReadUntilReady()
}
