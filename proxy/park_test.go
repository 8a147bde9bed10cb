package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/catalog"
	"postern/proxy/pgtest"
	"postern/wake"
)

// park puts the tenant to sleep under idle clients in session mode, all of which
// must be able to stay.
func (w *world) park(t *testing.T) {
	t.Helper()
	w.sleep(t)
	until(t, "no server connection leads to a tenant that sleeps", func() bool { idle, active, _ := w.counts(); return idle+active == 0 })
}

// A client in session mode whose session is clean stays connected while its tenant
// sleeps, and finds its session as it was.
func TestParkedSession(t *testing.T) {
	t.Parallel()
	pgtest.EachVersion(t, func(t *testing.T, major int) {
		pg := pgtest.Start(t, pgtest.Config{Major: major})
		w := newWorld(t, pg, inSessionOf(2))
		inTLS := w.target().With("application_name", "tool")
		inTLS.TLS = w.authority.ClientConfig("acme.db.localhost")
		for name, target := range map[string]pgtest.Target{"plain": w.target().With("application_name", "tool"), "TLS": inTLS} {
			c := pgtest.Connect(t, target)
			pid := value(t, c, "select pg_backend_pid()")
			run(t, c, "set timezone = 'Asia/Tokyo'", `set search_path = "a b", 'c''d\e', public`, "set my.own = 'ünïcode ''quoted'' \\ too'",
				"select set_config('work_mem', '5MB', false)", "set application_name = 'renamed'", "begin; set local work_mem = '1MB'; commit",
				"set statement_timeout = '1min'", "create temporary table gone (a int); drop table gone")
			c.Parse("", "select $1::text || current_setting('my.own')")
			c.Bind("", "", "before ")
			c.Execute("", 0)
			c.Sync()
			before := pgtest.Lines(c.ReadUntilReady())
			for round := range 2 {
				wakes := w.gate.count()
				w.park(t)
				if w.gate.count() != wakes {
					t.Errorf("%s: parking has woken the tenant", name)
				}
				c.Bind("", "", "before ") // the unnamed statement is still there
				c.Execute("", 0)
				c.Sync()
				if diff := pgtest.Diff(before[1:], pgtest.Lines(c.ReadUntilReady())); diff != "" {
					t.Errorf("%s, round %d: the unnamed statement's answer differs:\n%s", name, round, diff)
				}
				for setting, want := range map[string]string{
					"timezone": "Asia/Tokyo", "search_path": `"a b", "c'd\e", public`, "my.own": `ünïcode 'quoted' \ too`,
					"work_mem": "5MB", "application_name": "renamed", "statement_timeout": "1min",
				} {
					if got := value(t, c, "show "+setting); got != want {
						t.Errorf("%s, round %d: %s is %s, was %s", name, round, setting, got, want)
					}
				}
				if got := value(t, c, "select pg_backend_pid()"); got == pid {
					t.Errorf("%s, round %d: the server connection of a tenant that slept", name, round)
				}
				c.Parse("", "select $1::text || current_setting('my.own')")
				c.Sync()
				c.ReadUntilReady()
			}
			run(t, c, "reset all")
			if got := value(t, c, "show application_name"); got != "tool" {
				t.Errorf("%s: RESET ALL brought application_name %s", name, got)
			}
			leave(c)
		}
	})
}

// A parked client is told of what differs on its next server connection, and of
// nothing else.
func TestParkedSessionIsToldWhatDiffers(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, inSession)
	c := pgtest.Connect(t, w.target())
	run(t, c, "set timezone = 'Asia/Tokyo'")
	w.park(t)
	pg.Exec(t, "alter role app set datestyle = 'German'")
	c.Query("select 1")
	said := pgtest.Lines(c.ReadUntilReady())
	if len(said) != 5 || said[0] != `ParameterStatus "DateStyle" "German, DMY"` {
		t.Errorf("the client was told %v", said)
	}
}

// What no other server connection can have keeps a session where it is: it is ended
// when its tenant is suspended, and named when somebody asks.
func TestParkedNot(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	pg.Exec(t, "create role other; grant other to app")
	for name, test := range map[string]struct{ sql, pin string }{
		"prepare":     {"prepare p as select 1", "prepared"},
		"listen":      {"listen l", "listen"},
		"lock":        {"select pg_advisory_lock(1)", "advisory_lock"},
		"temporary":   {"create temporary table t (a int)", "temporary"},
		"cursor":      {"begin; declare c cursor with hold for select 1; commit", "cursor"},
		"role":        {"set role other", "role"},
		"library":     {"load 'plpgsql'", "library"},
		"unknown":     {"select set_config(n, 'x', false) from (select 'my.own' as n) as s", "setting"},
		"large":       {"", "statement"},
		"protocol":    {"", "prepared"},
		"lock by DO":  {"do 'begin perform pg_advisory_lock(2); end'", "advisory_lock"},
		"unknown too": {"select set_config('my.' || 'own', 'x', false)", "setting"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, pg, inSession)
			c := pgtest.Connect(t, w.target())
			switch {
			case test.sql != "":
				c.Query(test.sql)
			case name == "large":
				c.Parse("", "select 1 -- "+strings.Repeat("x", 5000))
				c.Sync()
			default:
				c.Parse("named", "select 1")
				c.Sync()
			}
			c.ReadUntilReady()
			tenant, err := w.store.Lookup(t.Context(), "acme")
			if err != nil {
				t.Fatal(err)
			}
			until(t, "it is idle", func() bool { return w.server.Park(tenant, 0) })
			because := func() string { return strings.Join(w.server.AwakeBecause("acme"), "; ") }
			until(t, "it was asked", func() bool { return strings.Contains(because(), "pinned by "+test.pin) })
			if w.server.Park(tenant, 0) {
				t.Error("asked again, although nothing has happened")
			}
			if name != "large" { // a Query ends the unnamed statement
				one(t, c) // it goes on as it was
			}
			if err := w.server.Release(t.Context(), "acme", false); err != nil {
				t.Fatal(err)
			}
			if failure := firstError(t, c.ReadUntilClosed()); failure.Code != "57P01" {
				t.Errorf("got %+v, want 57P01", failure)
			}
		})
	}
}

// The unnamed statement of a session that was asked and stays is still there.
func TestParkedNotKeepsUnnamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), inSession)
	c := pgtest.Connect(t, w.target())
	run(t, c, "listen l")
	c.Parse("", "select 1")
	c.Sync()
	c.ReadUntilReady()
	tenant, err := w.store.Lookup(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	until(t, "it is idle", func() bool { return w.server.Park(tenant, 0) })
	until(t, "it was asked", func() bool { return strings.Contains(fmt.Sprint(w.server.AwakeBecause("acme")), "pinned by listen") })
	c.Bind("", "")
	c.Execute("", 0)
	c.Sync()
	answered(t, c)
	run(t, c, "notify l")
}

// Who is in a transaction is waited for, and parked behind it; in vain if that takes
// too long, and then nothing has changed.
func TestParkedBehindTransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), inSession)
	c := pgtest.Connect(t, w.target())
	run(t, c, "begin")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var busy *wake.BusyError
	if err := w.server.Release(ctx, "acme", false); !errors.As(err, &busy) {
		t.Errorf("got %v, want a BusyError", err)
	}
	run(t, c, "commit")
	pid := value(t, c, "select pg_backend_pid()")
	if got := value(t, c, "select pg_backend_pid()"); got != pid {
		t.Error("parked although that was taken back")
	}
	run(t, c, "begin")
	released := make(chan error, 1)
	go func() { released <- w.server.Release(t.Context(), "acme", false) }()
	run(t, c, "commit")
	if err := <-released; err != nil {
		t.Error(err)
	}
	one(t, c)
}

// However statements fall between the question and its answer, each is answered once
// and in order.
func TestParkedUnderStatements(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"simple", "extended", "in pieces"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, pgtest.Start(t, pgtest.Config{}), inSession)
			target := w.target()
			if name == "in pieces" {
				target.WriteSize = 3
			}
			c := pgtest.Connect(t, target)
			run(t, c, "set my.own = 'mine'")
			tenant, err := w.store.Lookup(t.Context(), "acme")
			if err != nil {
				t.Fatal(err)
			}
			over, parked := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(parked)
				for {
					select {
					case <-over:
						return
					case <-time.After(100 * time.Microsecond):
						w.server.Park(tenant, 0)
					}
				}
			}()
			pids := make(map[string]bool)
			for i := range 300 {
				query := fmt.Sprintf("select concat_ws(' ', %d, current_setting('my.own'), pg_backend_pid())", i)
				if name == "extended" {
					c.Parse("", query)
					c.Flush()
					c.Bind("", "")
					c.Execute("", 0)
					c.Sync()
				} else {
					c.Query(query)
				}
				said := pgtest.Lines(c.ReadUntilReady())
				if len(said) < 3 {
					t.Fatalf("statement %d was answered %v: %v", i, said, c.Err())
				}
				row := said[len(said)-3]
				if !strings.HasPrefix(row, fmt.Sprintf(`DataRow "%d mine `, i)) {
					t.Fatalf("statement %d was answered %v", i, said)
				}
				pids[row[strings.LastIndex(row, " "):]] = true
				if i%3 == 0 {
					time.Sleep(time.Millisecond) // some of them find the session parked, some not
				}
			}
			close(over)
			<-parked
			t.Logf("%d server connections", len(pids))
		})
	}
}

// A parked client that cannot be given its settings hears why, and goes on.
func TestParkedSettingRefused(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	pg.Exec(t, "grant set on parameter log_min_duration_statement to app")
	w := newWorld(t, pg, inSession)
	c := pgtest.Connect(t, w.target())
	run(t, c, "set log_min_duration_statement = 1000")
	w.park(t)
	pg.Exec(t, "revoke set on parameter log_min_duration_statement from app")
	c.Query("select 1")
	if failure := firstError(t, c.ReadUntilReady()); failure.Code != "42501" || failure.Severity != "ERROR" {
		t.Errorf("got %+v, want ERROR 42501", failure)
	}
	pg.Exec(t, "grant set on parameter log_min_duration_statement to app")
	if got := value(t, c, "show log_min_duration_statement"); got != "1s" {
		t.Errorf("log_min_duration_statement is %s", got)
	}
}

// A client that is parked can be canceled, be told to end, and leave.
func TestParkedSessionEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), inSession)
	for name, end := range map[string]func(*pgtest.Client){
		"leaves": leave,
		"lost":   cut,
		"told": func(c *pgtest.Client) {
			w.server.EndTenant(catalog.TenantID("acme"))
			if failure := firstError(t, c.ReadUntilClosed()); failure.Code != "57P01" {
				t.Errorf("got %+v, want 57P01", failure)
			}
		},
	} {
		c, key := login(t, w.target())
		one(t, c)
		w.park(t)
		sendCancel(t, w.target(), key)
		end(c)
		until(t, name+": the session is over", func() bool { return len(w.server.Clients()) == 0 })
	}
}
