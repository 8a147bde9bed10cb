package pgtest

// preparedScripts are about the names of statements and portals: when they
// exist, and what is said when they do not.
func preparedScripts() []Script {
	return []Script{
		{Name: "prepared statement used again", Run: func(c *Client) {
			c.Parse("s", "select $1::int4 * 2")
			c.Sync()
			c.ReadUntilReady()
			for _, n := range []string{"1", "2", "3"} {
				executeStatement(c, "s", n)
			}
			c.Query("begin; select 1/0")
			c.ReadUntilReady()
			executeStatement(c, "s", "4")
			c.Query("rollback")
			c.ReadUntilReady()
			executeStatement(c, "s", "5")
		}},
		// Promises: C71, K2.
		{Name: "statement name taken", Run: func(c *Client) {
			c.Parse("s", "select 1")
			c.Parse("s", "select 2")
			c.Sync()
			c.ReadUntilReady()
			executeStatement(c, "s") // the first one stays
			c.CloseStatement("s")
			c.Parse("s", "select 2")
			c.Sync()
			c.ReadUntilReady()
			executeStatement(c, "s")
			c.Parse("", "select 3")
			c.Parse("", "select 4") // only the unnamed one may be replaced
			c.Sync()
			c.ReadUntilReady()
			executeStatement(c, "")
		}},
		// Promises: C61, K2.
		{Name: "unknown statement and portal", Run: func(c *Client) {
			c.Bind("", "nowhere")
			c.Sync()
			c.ReadUntilReady()
			c.DescribeStatement("nowhere")
			c.Sync()
			c.ReadUntilReady()
			c.DescribePortal("nowhere")
			c.Sync()
			c.ReadUntilReady()
			c.Execute("nowhere", 0)
			c.Sync()
			c.ReadUntilReady()
			c.CloseStatement("nowhere") // no error
			c.ClosePortal("nowhere")
			c.Sync()
			c.ReadUntilReady()
		}},
		// Promises: C49.
		{Name: "failed Parse leaves the name free", Run: func(c *Client) {
			c.Parse("s", "select from where")
			c.Sync()
			c.ReadUntilReady()
			c.Parse("s", "select 1")
			c.Sync()
			c.ReadUntilReady()
			executeStatement(c, "s")
		}},
		// Promises: C60.
		{Name: "portals and statements have names of their own", Run: func(c *Client) {
			c.Parse("x", "select 1")
			c.Bind("x", "x")
			c.ClosePortal("x")
			c.Bind("x", "x")
			c.Bind("x", "x") // taken: 42P03
			c.Sync()
			c.ReadUntilReady()
			executeStatement(c, "x")
		}},
		// Promises: C65.
		{Name: "unnamed statement after a simple query", Run: func(c *Client) {
			c.Parse("", "select 1")
			c.Sync()
			c.ReadUntilReady()
			executeStatement(c, "")
			c.Query("select 2")
			c.ReadUntilReady()
			executeStatement(c, "")
		}},
		// Promises: C68, C69, C70, K5.
		{Name: "DEALLOCATE and DISCARD", Run: func(c *Client) {
			for _, forget := range []string{"deallocate s", "deallocate all", "discard all"} {
				c.Parse("s", "select 1")
				c.Sync()
				c.ReadUntilReady()
				c.Query(forget)
				c.ReadUntilReady()
				executeStatement(c, "s")
			}
			c.Parse("s", "select 1")
			c.Parse("d", "deallocate all")
			c.Bind("", "d")
			c.Execute("", 0)
			c.Sync()
			c.ReadUntilReady()
			executeStatement(c, "s")
			c.Query("begin")
			c.ReadUntilReady()
			c.Query("discard all") // not inside a transaction
			c.ReadUntilReady()
		}},
		// Promises: C69.
		{Name: "DISCARD ALL inside a transaction", Run: func(c *Client) {
			for _, end := range []string{"rollback", "commit"} {
				c.CloseStatement("s")
				c.Parse("s", "select 1")
				c.Parse("d", "discard all")
				c.Sync()
				c.ReadUntilReady()
				c.Query("begin")
				c.ReadUntilReady()
				executeStatement(c, "d")
				c.Query(end)
				c.ReadUntilReady()
				executeStatement(c, "s") // is there as before
				c.CloseStatement("d")
				c.Sync()
				c.ReadUntilReady()
			}
			c.Query("select 1; discard all")
			c.ReadUntilReady()
			executeStatement(c, "s")
		}},
		// Promises: K2.
		{Name: "names that are nobody's", Run: func(c *Client) {
			for _, name := range []string{"postern_0", "postern_1", "postern_2", "postern_99999999999999999999"} {
				c.Bind("", name)
				c.Sync()
				c.ReadUntilReady()
				c.Query("deallocate " + name)
				c.ReadUntilReady()
				c.Parse(name, "select 1")
				c.Parse(name, "select 2")
				c.Sync()
				c.ReadUntilReady()
				executeStatement(c, name)
			}
		}},
		// Promises: C70, K2.
		{Name: "PREPARE and EXECUTE", Run: queries(
			"prepare s (int) as select $1 + 1", "execute s(1)", "prepare s as select 2", "deallocate s", "execute s(1)",
		)},
		// Promises: C67, K4.
		{Name: "result type changes under a prepared statement", Run: func(c *Client) {
			c.Query("create temp table t (i int)")
			c.ReadUntilReady()
			c.Parse("s", "select * from t")
			c.Sync()
			c.ReadUntilReady()
			executeStatement(c, "s")
			c.Query("alter table t add column j int")
			c.ReadUntilReady()
			executeStatement(c, "s")
			c.Parse("s2", "select * from t")
			c.Sync()
			c.ReadUntilReady()
			executeStatement(c, "s2")
		}},
	}
}

func executeStatement(c *Client, name string, parameters ...string) {
	c.Bind("", name, parameters...)
	c.DescribePortal("")
	c.Execute("", 0)
	c.Sync()
	c.ReadUntilReady()
}
