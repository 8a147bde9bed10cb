package proxy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/proxy"
	"postern/proxy/pgtest"
	"postern/wake"
)

// D4: what is idle is released, and the client goes on; what is in use is not, and
// nobody is ended.
func TestReleaseIdle(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, nil)
	acme, err := w.store.Lookup(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	c := pgtest.Connect(t, w.target())
	busy := func(what string) {
		t.Helper()
		var busy *wake.BusyError
		if err := w.server.ReleaseIdle(t.Context(), acme, time.Now()); !errors.As(err, &busy) || len(busy.Because) != 1 {
			t.Errorf("%s: released, or %v", what, err)
		}
		if !w.server.LastUse(acme).Working {
			t.Errorf("%s is no work", what)
		}
	}
	c.Query("begin")
	c.ReadUntilReady()
	busy("a transaction")
	c.Query("commit; listen news")
	c.ReadUntilReady()
	busy("a pin")
	c.Query("unlisten *")
	c.ReadUntilReady()
	alone := pgtest.Connect(t, w.target().WithOptions("pool_mode=session"))
	busy("a session of its own")
	alone.Terminate()
	alone.ReadUntilClosed()
	until(t, "nothing is in use", func() bool { return !w.server.LastUse(acme).Working })
	use := w.server.LastUse(acme)
	if use.Since.IsZero() {
		t.Errorf("idle: %+v", use)
	}
	if err := w.server.ReleaseIdle(t.Context(), acme, use.Since.Add(-time.Nanosecond)); err == nil {
		t.Error("released though it was used since")
	}
	if err := w.server.ReleaseIdle(t.Context(), acme, use.Since); err != nil {
		t.Error(err)
	}
	// No waiting: the servers have gone.
	if none := pg.Exec(t, backendsOfApp); none != "t" {
		t.Error("server connections are left")
	}
	w.gate.stop()
	wakes := w.gate.count()
	c.Query("select 1")
	answered(t, c)
	if got := w.gate.count(); got != wakes+1 {
		t.Errorf("%d wakes, want %d", got, wakes+1)
	}
}

// Who is to be disregarded does no work, and wakes nobody, at login neither.
func TestIgnoredApplicationNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), func(c *proxy.Config) {
		c.Settings.IgnoreApplicationNames = []string{"monitor"}
	})
	w.asleep(t)
	acme, err := w.store.Lookup(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	c := pgtest.Connect(t, w.target().With("application_name", "monitor"))
	wakes := w.gate.count()
	for range 2 {
		c.Query("select 1")
		failure := firstError(t, c.ReadUntilReady())
		if failure.Severity != "ERROR" || failure.Code != "57P03" {
			t.Errorf("asleep: %+v", failure)
		}
	}
	expectFatal(t, w.target().With("application_name", "monitor").WithOptions("-c work_mem=1MB"), "57P03")
	if got := w.gate.count(); got != wakes {
		t.Errorf("%d wakes, were %d", got, wakes)
	}
	other := pgtest.Connect(t, w.target())
	other.Query("select 1")
	answered(t, other)
	until(t, "nothing is in use", func() bool { return !w.server.LastUse(acme).Working })
	since := w.server.LastUse(acme).Since
	c.Query("select 1")
	answered(t, c)
	until(t, "nothing is in use", func() bool { return !w.server.LastUse(acme).Disregarded })
	if use := w.server.LastUse(acme); use.Working || !use.Since.Equal(since) {
		t.Errorf("a monitor's statement counts: %+v, before %v", use, since)
	}
	c.Query("begin")
	c.ReadUntilReady()
	if use := w.server.LastUse(acme); use.Working || !use.Disregarded {
		t.Errorf("a monitor's transaction counts: %+v", use)
	}
	if err := w.server.ReleaseIdle(t.Context(), acme, time.Now()); err == nil {
		t.Error("released under a monitor's transaction")
	}
}

// Which applications are disregarded may change while clients of one are there.
func TestIgnoredApplicationNamesReload(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), nil)
	monitor := w.target().With("application_name", "monitor")
	before := pgtest.Connect(t, monitor)
	before.Query("select 1")
	answered(t, before)
	w.remembered(t)
	counted := pgtest.Connect(t, monitor) // of the tenant's record as it is now, as the next
	w.server.Reconfigure(proxy.Settings{IgnoreApplicationNames: []string{"monitor"}})
	w.sleep(t)
	ignored := pgtest.Connect(t, monitor)
	ignored.Query("select 1")
	if failure := firstError(t, ignored.ReadUntilReady()); failure.Code != "57P03" {
		t.Errorf("asleep: %+v", failure)
	}
	counted.Query("select 1")
	answered(t, counted)
}

// With AnswerEmptyQuery a client that checks its connection, or has only begun a
// transaction, wakes nobody.
//
// Promises: C82, J9.
func TestEmptyQueryWakesNobody(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, func(c *proxy.Config) { c.Settings.AnswerEmptyQuery = true })
	w.asleep(t)
	wakes := w.gate.count()
	c := pgtest.Connect(t, w.target())
	for _, sql := range []string{"", "-- ping", "begin", "commit", "begin isolation level serializable"} {
		c.Query(sql)
		c.ReadUntilReady()
	}
	if woken := w.gate.count() - wakes; woken != 0 {
		t.Fatalf("the tenant was woken %d times by nothing", woken)
	}
	c.Query("show transaction_isolation")
	if said := fmt.Sprint(c.ReadUntilReady()); !strings.Contains(said, "serializable") {
		t.Errorf("got %s", said)
	}
	if woken := w.gate.count() - wakes; woken != 1 {
		t.Errorf("the tenant was woken %d times by a statement", woken)
	}
	c.Query("commit")
	c.ReadUntilReady()
}
