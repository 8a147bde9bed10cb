package proxy_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"postern/proxy"
	"postern/proxy/admin"
	"postern/proxy/pgtest"
	"postern/proxy/pool"
)

// dial logs in as app, over whatever the world is.
func (w *world) dial(t *testing.T) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), "postgres://app.acme:"+pgtest.Password+"@"+w.address+"/app?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func codeOf(err error) string {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}

// Each limit ends the session, or the statement, that is over it.
// Promises: G115.
func TestLimits(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	const brief = 50 * time.Millisecond
	for name, test := range map[string]struct {
		limits proxy.Limits
		before string // run first, with success
		during string // answered with code; "" if that comes unasked
		code   string
		kept   bool // the session goes on
	}{
		"client_idle_timeout":               {proxy.Limits{ClientIdle: brief}, "select 1", "", "57P05", false},
		"client_idle_timeout, no query yet": {proxy.Limits{ClientIdle: brief}, "", "", "57P05", false},
		"idle_transaction_timeout":          {proxy.Limits{IdleTransaction: brief}, "begin; select 1", "", "25P03", false},
		"idle_transaction_timeout, failed":  {proxy.Limits{IdleTransaction: brief}, "begin", "", "25P03", false},
		"transaction_timeout, idle":         {proxy.Limits{Transaction: brief}, "begin; select 1", "", "25P04", false},
		"query_timeout":                     {proxy.Limits{Query: brief}, "", "select pg_sleep(100)", "57014", true},
		"query_timeout, in a transaction":   {proxy.Limits{Query: brief}, "begin", "select pg_sleep(100)", "57014", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, pg, func(c *proxy.Config) { c.Settings.Limits = test.limits })
			conn := w.dial(t)
			if test.before != "" {
				if _, err := conn.Exec(t.Context(), test.before).ReadAll(); err != nil {
					t.Fatal(err)
				}
			}
			var err error
			if test.during != "" {
				_, err = conn.Exec(t.Context(), test.during).ReadAll()
			} else {
				err = conn.WaitForNotification(t.Context())
			}
			if code := codeOf(err); code != test.code {
				t.Fatalf("%v, want %s", err, test.code)
			}
			if !test.kept {
				return
			}
			if _, err := conn.Exec(t.Context(), "rollback; select 1").ReadAll(); err != nil {
				t.Errorf("the session is gone: %v", err)
			}
		})
	}
}

// A transaction that takes too long ends with its session, and the statement it runs
// with it.
func TestTransactionTimeoutCancels(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, func(c *proxy.Config) { c.Settings.Limits = proxy.Limits{Transaction: 50 * time.Millisecond} })
	conn := w.dial(t)
	_, err := conn.Exec(t.Context(), "select pg_sleep(1000), 'too long'").ReadAll()
	if code := codeOf(err); code != "25P04" && code != "57014" {
		t.Errorf("%v, want 25P04, perhaps behind the canceled statement's 57014", err)
	}
	for pg.Exec(t, "select count(*) from pg_stat_activity where query like '%too long%' and state = 'active' and pid <> pg_backend_pid()") != "0" {
		time.Sleep(5 * time.Millisecond)
	}
}

// Whoever waits for a server connection for longer than query_timeout is told so,
// and goes on.
// Promises: C53, G115.
func TestQueryTimeoutWhileWaiting(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, func(c *proxy.Config) {
		c.Settings.Limits = proxy.Limits{Query: 50 * time.Millisecond}
		c.Settings.Pool = pool.Config{Size: 1}
	})
	first, second := w.dial(t), w.dial(t)
	if _, err := first.Exec(t.Context(), "begin").ReadAll(); err != nil {
		t.Fatal(err)
	}
	_, err := second.Exec(t.Context(), "select 1").ReadAll()
	if code := codeOf(err); code != "57014" {
		t.Fatalf("%v, want 57014", err)
	}
	if _, err := first.Exec(t.Context(), "commit").ReadAll(); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Exec(t.Context(), "select 1").ReadAll(); err != nil {
		t.Error(err)
	}
}

// What clients do is counted as it is said to be.
func TestCounters(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	for _, mode := range []string{"transaction", "session"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, pg, func(c *proxy.Config) { c.Settings.PoolMode = mode })
			ctx := t.Context()
			conn := w.dial(t)
			var counted admin.Counters
			step := func(what string, want admin.Counters, do func() error) {
				t.Helper()
				if err := do(); err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				now := w.server.Stats()[0].Counters
				got := admin.Counters{
					Queries: now.Queries - counted.Queries, Transactions: now.Transactions - counted.Transactions,
					ClientParses: now.ClientParses - counted.ClientParses, Binds: now.Binds - counted.Binds,
				}
				if got != want {
					t.Errorf("%s: counted %+v, want %+v", what, got, want)
				}
				until(t, what+": bytes are counted", func() bool {
					now = w.server.Stats()[0].Counters
					return now.Received > counted.Received && now.Sent > counted.Sent
				})
				counted = now
			}
			simple := func(sql string) func() error {
				return func() error { _, err := conn.Exec(ctx, sql).ReadAll(); return err }
			}
			failing := func(do func() error) func() error {
				return func() error {
					if do() == nil {
						return errors.New("it has not failed")
					}
					return nil
				}
			}
			one := admin.Counters{Queries: 1, Transactions: 1}
			step("a query", one, simple("select 1"))
			step("an empty query", one, simple(""))
			step("two statements in one query", one, simple("select 1; select 2"))
			step("an error", one, failing(simple("select 1/0")))
			step("begin", admin.Counters{Queries: 1}, simple("begin"))
			step("an error in a transaction", admin.Counters{Queries: 1}, failing(simple("select 1/0")))
			step("rollback", one, simple("rollback"))
			extended := admin.Counters{Queries: 1, Transactions: 1, ClientParses: 1, Binds: 1}
			step("an extended query", extended, func() error { return conn.ExecParams(ctx, "select 1", nil, nil, nil, nil).Read().Err })
			step("a batch of three", admin.Counters{Queries: 3, Transactions: 1, ClientParses: 3, Binds: 3}, func() error {
				batch := &pgconn.Batch{}
				for range 3 {
					batch.ExecParams("select 1", nil, nil, nil, nil)
				}
				_, err := conn.ExecBatch(ctx, batch).ReadAll()
				return err
			})
			step("a batch whose second fails", admin.Counters{Queries: 2, Transactions: 1, ClientParses: 3, Binds: 3}, failing(func() error {
				batch := &pgconn.Batch{}
				for _, sql := range []string{"select 1", "select 1/(random()*0)::int", "select 1"} {
					batch.ExecParams(sql, nil, nil, nil, nil)
				}
				_, err := conn.ExecBatch(ctx, batch).ReadAll()
				return err
			}))
		})
	}
}
