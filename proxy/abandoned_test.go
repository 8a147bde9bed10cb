package proxy_test

import (
	"testing"

	"postern/proxy"
	"postern/proxy/pgtest"
	"postern/proxy/pool"
)

// What a client has done in a batch that it has not ended is rolled back when it is
// lost, as by PostgreSQL itself, and its server connection is in order afterwards.
//
// Promises: C64.
func TestC64LostInBatch(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	for name, begin := range map[string]string{"alone": "", "in a transaction": "begin"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, pg, func(c *proxy.Config) { c.Settings.Pool = pool.Config{Size: 1} })
			table := "kept_" + map[string]string{"": "alone", "begin": "transaction"}[begin]
			pg.Exec(t, "create table "+table+" (a int); grant all on "+table+" to app")
			c := pgtest.Connect(t, w.target())
			if begin != "" {
				run(t, c, begin)
			}
			c.Parse("", "insert into "+table+" values (1)")
			c.Bind("", "")
			c.Execute("", 0)
			c.Flush()
			c.ReadUntil('C')
			cut(c)
			next := pgtest.Connect(t, w.target())
			if rows := value(t, next, "select count(*) from "+table); rows != "0" {
				t.Errorf("%s rows, want none", rows)
			}
		})
	}
}
