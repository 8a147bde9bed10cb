package pool

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestPause(t *testing.T) {
	bubble(t, Config{Size: 2}, func(f *fixture) {
		other := Key{Tenant: "other"}
		f.lend(other).Release(true)
		lent, idle := f.lend(testKey), f.lend(testKey)
		idle.Release(true)
		f.Pause("acme")
		if closed, _ := f.hungUp(idle.Server); !closed {
			t.Error("the idle one was not closed")
		}
		if !f.Paused("acme") || f.Paused("other") || f.Paused("") {
			t.Error("others are paused")
		}
		if n := f.Open("acme"); n != 1 {
			t.Errorf("%d are open, want the one that is lent", n)
		}
		first, second := f.ask(testKey), f.ask(of("acme", "bob")) // a pool made later
		server := lent.Server
		lent.Release(true)
		if closed, _ := f.hungUp(server); !closed {
			t.Error("the lent one was not closed when it came back")
		}
		first.waits()
		second.waits()
		if n := f.Open("acme"); n != 0 {
			t.Errorf("%d are open", n)
		}
		lease := f.lend(other)
		if f.made() != 3 {
			t.Error("the other tenant has none of its own any more")
		}
		if !f.Resume("acme") || f.Resume("acme") {
			t.Error("it was not paused once")
		}
		first.has(nil).Release(true)
		second.has(nil).Release(true)
		lease.Release(true)
	})
}

// What is being dialled when the pause begins is closed when it is there, and is
// waited for.
func TestPauseWhileDialling(t *testing.T) {
	bubble(t, Config{}, func(f *fixture) {
		c := f.askSlowly(testKey)
		f.Pause("")
		if n := f.Open(""); n != 1 {
			t.Errorf("%d are open, want the one being dialled", n)
		}
		c.finish(nil)
		c.waits()
		f.expect(0, 0, 0, 1)
		if n := f.Open(""); n != 0 {
			t.Errorf("%d are open", n)
		}
		f.Resume("")
		c.finish(nil)
		c.has(nil).Release(true)
	})
}

// RESUME without a tenant ends every pause; with one, it does not end that of all.
func TestPauseAll(t *testing.T) {
	bubble(t, Config{}, func(f *fixture) {
		f.Pause("acme")
		f.Pause("")
		c := f.ask(testKey)
		if !f.Resume("acme") {
			t.Error("acme was not paused")
		}
		c.waits()
		if !f.Paused("") || !f.Paused("acme") {
			t.Error("not all are paused")
		}
		f.Pause("acme")
		if !f.Resume("") || f.Resume("") || f.Paused("acme") {
			t.Error("a pause is left")
		}
		c.has(nil).Release(true)
	})
}

// A connection beside the pools is counted, and waits for the end of a pause.
func TestJoin(t *testing.T) {
	bubble(t, Config{}, func(f *fixture) {
		if err := f.Join(f.t.Context(), "acme"); err != nil {
			t.Fatal(err)
		}
		f.Pause("acme")
		if n := f.Open("acme"); n != 1 {
			t.Errorf("%d are open, want the one that has joined", n)
		}
		ctx, leave := context.WithCancelCause(f.t.Context())
		joined := make(chan error, 1)
		go func() { joined <- f.Join(ctx, "acme") }()
		synctest.Wait()
		f.Leave("acme")
		if n := f.Open("acme"); n != 0 {
			t.Errorf("%d are open", n)
		}
		f.Resume("other") // wakes, and is not it
		synctest.Wait()
		if len(joined) > 0 {
			t.Error("it has joined a paused tenant")
		}
		leave(errLeft)
		if err := <-joined; !errors.Is(err, errLeft) {
			t.Errorf("got %v", err)
		}
		go func() { joined <- f.Join(f.t.Context(), "acme") }()
		synctest.Wait()
		f.Resume("")
		if err := <-joined; err != nil {
			t.Error(err)
		}
		f.Leave("acme")
	})
}

// Clients of a paused tenant take nothing from others.
func TestPauseAtTheCap(t *testing.T) {
	shareBubble(t, Config{MaxConnections: 2}, func(f *fixture) {
		a, b := of("a", "app"), of("b", "app")
		rich, poor := f.flood(a, 2), f.flood(b, 1)
		f.Pause("b")
		rich.turn(true)
		rich.turn(true)
		have(t, "while b is paused", []*flood{rich, poor}, 2, 0)
		if n := f.made(); n != 2 {
			t.Errorf("%d were made", n)
		}
		f.Resume("b")
		rich.turn(true)
		have(t, "afterwards", []*flood{rich, poor}, 1, 1)
		end(rich, poor)
	})
}
