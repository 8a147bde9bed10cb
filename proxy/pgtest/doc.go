// Package pgtest is what Postern's tests stand on: throw-away real PostgreSQL
// servers, a client and a server that speak the protocol message by message,
// connections that break where they are told to, and the comparison of what a
// script sees at PostgreSQL directly and through something in between.
//
// It is for tests only and checks nothing by itself that a test does not ask
// for. It does not use the product's own protocol code, so that an error there
// cannot hide in both.
//
//	pg := pgtest.Start(t, pgtest.Config{})
//	c := pgtest.Connect(t, pg.Target("app", "app"))
//	c.Query("select 1")
//	c.Expect(
//		`RowDescription "?column?" table=0 column=0 type=int4 size=4 modifier=-1 text`,
//		`DataRow "1"`,
//		`CommandComplete "SELECT 1"`,
//		`ReadyForQuery I`)
//
//	pgtest.Compare(t, pg.Target("app", "app"), throughPostern, pgtest.Scripts()...)
package pgtest
