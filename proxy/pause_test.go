package proxy_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"postern/proxy"
	"postern/proxy/admin"
	"postern/proxy/pgtest"
	"postern/proxy/wire"
)

// until looks again and again, since nobody tells.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

// one is a query that is answered by "1".
func one(t *testing.T, c *pgtest.Client) {
	t.Helper()
	c.Query("select 1")
	answered(t, c)
}

func answered(t *testing.T, c *pgtest.Client) {
	t.Helper()
	if got := strings.Join(pgtest.Lines(c.ReadUntilReady()), "\n"); !strings.Contains(got, `DataRow "1"`) {
		t.Errorf("the answer was\n%s", got)
	}
}

// asks sends a query and waits until its client waits for a server connection.
func (w *world) asks(t *testing.T, c *pgtest.Client) {
	t.Helper()
	before := w.waiting()
	c.Query("select 1")
	c.Write()
	until(t, "the client waits", func() bool { return w.waiting() > before })
}

// waiting is how many clients wait for a server connection.
func (w *world) waiting() int {
	n := 0
	for _, c := range w.server.Clients() {
		if c.State == admin.ClientWaiting {
			n++
		}
	}
	return n
}

func (w *world) uid(t *testing.T) string {
	t.Helper()
	tenant, err := w.store.Lookup(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	return tenant.UID
}

// pauses begins a PAUSE and waits until it holds.
func (w *world) pauses(t *testing.T) (paused <-chan error) {
	t.Helper()
	done, uid := make(chan error, 1), w.uid(t)
	go func() { done <- w.server.Pause(t.Context(), "acme") }()
	until(t, "the tenant is paused", func() bool { return w.server.PausedTenant(uid) })
	return done
}

// still checks that a command has not returned.
func still(t *testing.T, done <-chan error) {
	t.Helper()
	select {
	case err := <-done:
		t.Fatalf("it has returned: %v", err)
	default:
	}
}

const backendsOfApp = "select count(*) = 0 from pg_stat_activity where usename = 'app'"

// PAUSE lets a transaction end, closes its server connection and then returns; who
// asks for one waits until RESUME.
func TestPause(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, nil)
	busy, other := pgtest.Connect(t, w.target()), pgtest.Connect(t, w.target())
	busy.Query("begin")
	busy.ReadUntilReady()
	paused := w.pauses(t)
	one(t, busy) // in its transaction
	w.asks(t, other)
	still(t, paused)
	busy.Query("commit")
	busy.ReadUntilReady()
	if err := <-paused; err != nil {
		t.Fatal(err)
	}
	waitFor(t, pg, backendsOfApp)
	if servers := w.server.Servers(); len(servers) > 0 {
		t.Errorf("there are %v", servers)
	}
	if w.server.Paused() {
		t.Error("all are paused")
	}
	w.asks(t, busy)
	if err := w.server.Pause(t.Context(), "acme"); err != nil { // again
		t.Error(err)
	}
	if err := w.server.Resume(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	answered(t, other)
	answered(t, busy)
}

// In session mode PAUSE waits until the client has left, and logins wait.
func TestPauseSessions(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, inSession)
	c := pgtest.Connect(t, w.target())
	one(t, c)
	paused := w.pauses(t)
	one(t, c)
	login := pgtest.Dial(t, w.target())
	logged := make(chan []pgtest.Message, 1)
	go func() { logged <- login.Startup() }()
	still(t, paused)
	c.Terminate()
	c.ReadUntilClosed()
	if err := <-paused; err != nil {
		t.Fatal(err)
	}
	waitFor(t, pg, backendsOfApp)
	if len(logged) > 0 {
		t.Error("a login has not waited")
	}
	if err := w.server.Resume(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	<-logged
	one(t, login)
}

// A client that waits for RESUME is under query_wait_timeout, in either mode, and
// is told why.
func TestPauseQueryWaitTimeout(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*proxy.Config){"transaction": func(*proxy.Config) {}, "session": inSession} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, pgtest.Start(t, pgtest.Config{}), func(c *proxy.Config) {
				change(c)
				c.Settings.QueryWaitTimeout = time.Second
			})
			w.asleep(t)
			c := pgtest.Connect(t, w.target())
			if err := w.server.Pause(t.Context(), "acme"); err != nil {
				t.Fatal(err)
			}
			c.Query("select 1")
			failure := firstError(t, c.ReadUntilClosed())
			if failure.Severity != "FATAL" || failure.Code != "57014" || !strings.Contains(failure.Hint, "PAUSE") {
				t.Errorf("got %+v", failure)
			}
		})
	}
}

// Who waits for RESUME wakes nothing before it, and does afterwards.
func TestPauseWakesNothing(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*proxy.Config){"transaction": nil, "session": inSession} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, pgtest.Start(t, pgtest.Config{}), change)
			w.asleep(t)
			c := pgtest.Connect(t, w.target())
			if err := w.server.Pause(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
			wakes := w.gate.count()
			w.asks(t, c)
			if got := w.gate.count(); got != wakes {
				t.Errorf("%d wakes, were %d", got, wakes)
			}
			if err := w.server.Resume(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
			answered(t, c)
			if got := w.gate.count(); got != wakes+1 {
				t.Errorf("%d wakes, want %d", got, wakes+1)
			}
		})
	}
}

func TestKill(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, nil)
	alone := w.target().WithOptions("pool_mode=session")
	idle, busy, waiting, own := pgtest.Connect(t, w.target()), pgtest.Connect(t, w.target()), pgtest.Connect(t, w.target()), pgtest.Connect(t, alone)
	one(t, own)
	busy.Query("begin")
	busy.ReadUntilReady()
	paused := w.pauses(t)
	w.asks(t, waiting)
	if err := w.server.Kill(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	for i, c := range []*pgtest.Client{idle, busy, waiting, own} {
		if failure := firstError(t, c.ReadUntilClosed()); failure.Code != "57P01" {
			t.Errorf("client %d got %+v", i, failure)
		}
	}
	if err := <-paused; err != nil { // there is nothing left for it to wait for
		t.Error(err)
	}
	waitFor(t, pg, backendsOfApp)
	fresh := pgtest.Connect(t, w.target()) // greeted from memory
	w.asks(t, fresh)
	if err := w.server.Resume(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	answered(t, fresh)
	if err := w.server.Kill(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if failure := firstError(t, fresh.ReadUntilClosed()); failure.Code != "57P01" || !w.server.Paused() {
		t.Errorf("got %+v", failure)
	}
}

// What PgBouncer says to it, word for word.
func TestPauseRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), nil)
	ctx := t.Context()
	for name, err := range map[string]error{
		"pause": w.server.Pause(ctx, "nobody"), "kill": w.server.Kill(ctx, "nobody"),
		"resume": w.server.Resume(ctx, "nobody"), "reconnect": w.server.Reconnect(ctx, "nobody"),
	} {
		if !errors.Is(err, admin.ErrUnknownTenant) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var refused *wire.Error
	if err := w.server.Resume(ctx, "acme"); !errors.As(err, &refused) || refused.Message != "database acme is not paused" {
		t.Errorf("got %v", err)
	}
	if err := w.server.Resume(ctx, ""); !errors.As(err, &refused) || refused.Message != "pooler is not paused/suspended" {
		t.Errorf("got %v", err)
	}
	// The end of the command is not that of the pause.
	ended, cancel := context.WithCancel(ctx)
	busy := pgtest.Connect(t, w.target())
	busy.Query("begin")
	busy.ReadUntilReady()
	cancel()
	if err := w.server.Pause(ended, ""); !errors.Is(err, context.Canceled) || !w.server.Paused() {
		t.Errorf("got %v", err)
	}
	if err := w.server.Resume(ctx, "acme"); !errors.As(err, &refused) || !strings.Contains(refused.Hint, "RESUME") {
		t.Errorf("got %v", err)
	}
}
