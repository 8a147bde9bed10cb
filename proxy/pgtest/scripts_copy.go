package pgtest

import (
	"fmt"
	"strings"
)

// copyScripts are conversations with COPY.
func copyScripts() []Script {
	return []Script{
		// Promises: D87.
		{Name: "COPY out", Run: queries(
			"copy (select g, 'row ' || g from generate_series(1, 20) g) to stdout",
			"copy (select 1 where false) to stdout",
			"copy (values (1, null)) to stdout (format binary)",
			"copy (select g, repeat('c', 100) from generate_series(1, 500) g) to stdout (format csv, header)",
			"copy (select 1 / (5 - g) from generate_series(1, 20) g) to stdout",
			"select 'before'; copy (values (1)) to stdout; copy (values (2)) to stdout; select 'after'",
		)},
		// Promises: D87.
		{Name: "COPY in", Run: func(c *Client) {
			copyIn(c, "copy t from stdin", func() {
				c.CopyData("1\tone\n2\ttwo\n")
				c.CopyData("3\t")
				c.CopyData("three\n")
				c.CopyDone()
			})
			copyIn(c, "copy t from stdin", c.CopyDone)
			copyIn(c, "copy t from stdin", func() {
				row := fmt.Sprintf("7\t%s\n", strings.Repeat("d", 100))
				for range 5 {
					c.CopyData(strings.Repeat(row, 1000))
				}
				c.CopyDone()
			})
			c.Query("select i, count(*), max(length(s)) from t group by i order by i")
			c.ReadUntilReady()
		}},
		// Promises: D87.
		{Name: "COPY in among statements", Run: func(c *Client) {
			copyIn(c, "begin; copy t from stdin; select count(*) from t; copy t from stdin; commit", func() {
				c.CopyData("1\tone\n")
				c.CopyDone()
				c.ReadUntil('G')
				c.CopyData("2\ttwo\n")
				c.CopyDone()
			})
		}},
		// Promises: D87.
		{Name: "COPY in given up", Run: func(c *Client) {
			copyIn(c, "copy t from stdin", func() {
				c.CopyData("1\tone\n")
				c.CopyFail("changed my mind")
			})
			copyIn(c, "begin; copy t from stdin; select 'never'", func() { c.CopyFail("") })
			c.Query("rollback; table t")
			c.ReadUntilReady()
		}},
		// Promises: D83.
		{Name: "COPY in with an error", Run: func(c *Client) {
			copyIn(c, "copy t from stdin", func() {
				c.CopyData("not a number\tone\n")
				c.CopyData("1\tone\n")
				c.CopyDone()
			})
			copyIn(c, "copy t from stdin", func() {
				c.CopyData("not a number\tone\n")
				c.CopyDone()
				c.ReadUntilReady()
				// What comes late is ignored.
				c.CopyData("1\tone\n")
				c.CopyDone()
				c.CopyFail("late")
				c.Query("table t")
			})
			copyIn(c, "copy no_such_table from stdin", func() { c.Query("select 1") })
		}},
		// Promises: D87.
		{Name: "COPY in interrupted by a query", Run: func(c *Client) {
			copyIn(c, "copy t from stdin", func() { c.Query("select 'not now'") })
			c.ReadUntilReady()
		}},
		// Promises: D84.
		{Name: "COPY in an extended query", Run: func(c *Client) {
			createCopyTable(c)
			c.Parse("", "copy t from stdin")
			c.Bind("", "")
			c.DescribePortal("")
			c.Execute("", 0)
			c.Sync() // is ignored, since COPY has begun
			c.ReadUntil('G')
			c.CopyData("1\tone\n")
			c.CopyDone()
			c.Sync()
			c.ReadUntilReady()
			c.Parse("", "copy t to stdout")
			c.Bind("", "")
			c.Execute("", 0)
			c.Sync()
			c.ReadUntilReady()
		}},
		// Promises: D84.
		{Name: "COPY in an extended query with an error", Run: func(c *Client) {
			createCopyTable(c)
			c.Parse("copy", "copy t from stdin")
			for _, end := range []func(){
				func() { c.CopyData("not a number\tone\n"); c.CopyDone() },
				func() { c.CopyFail("given up") },
				func() { c.CopyData("2\ttwo\n"); c.CopyDone() },
			} {
				c.Bind("", "copy")
				c.Execute("", 0)
				c.Flush()
				c.ReadUntil('G')
				end()
				c.Sync()
				c.ReadUntilReady()
			}
			c.Query("table t")
			c.ReadUntilReady()
		}},
		// Promises: D87.
		{Name: "COPY in without waiting", Run: func(c *Client) {
			createCopyTable(c)
			c.Query("copy t from stdin")
			c.CopyData("1\tone\n")
			c.CopyDone()
			c.Query("table t")
			c.ReadUntilReady()
			c.ReadUntilReady()
		}},
	}
}

func createCopyTable(c *Client) {
	c.Query("create temp table if not exists t (i int, s text)")
	c.ReadUntilReady()
}

// copyIn starts a COPY FROM STDIN and, if the server wants data (or refuses),
// goes on with send.
func copyIn(c *Client, sql string, send func()) {
	createCopyTable(c)
	c.Query(sql)
	c.ReadUntil('G', 'Z')
	send()
	c.ReadUntilReady()
}
