package wake

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/catalog"
)

// chill freezes a tenant, which must work.
func (w *world) chill(id catalog.TenantID) {
	w.t.Helper()
	if err := w.FreezeIdle(w.t.Context(), w.record(id), time.Now()); err != nil {
		w.t.Fatal(err)
	}
	if !w.driver.frozen(id) {
		w.t.Fatal("not frozen")
	}
	w.state(id, catalog.Frozen)
}

// A frozen instance is nobody's until it is thawed, which is once for all who come,
// and no wake.
func TestFreezeIdle(t *testing.T) {
	var calls []string
	bubble(t, func(c *GateConfig) {
		c.Freeze = func(*catalog.Tenant, time.Time) ([]uint32, error) {
			calls = append(calls, "freeze")
			return nil, nil
		}
		c.Thaw = func(*catalog.Tenant) { calls = append(calls, "thaw") }
		c.Observe = func(string, time.Duration, error) { calls = append(calls, "start") }
	}, func(t *testing.T, w *world) {
		first := w.rouse("acme")
		w.settle()
		w.chill("acme")
		w.chill("acme") // once more
		if _, awake := w.Awake("acme"); awake {
			t.Error("awake")
		}
		w.store.filed("acme")
		w.driver.called()
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if e := w.rouse("acme"); e.Run != first.Run || w.driver.frozen("acme") {
					t.Errorf("run %s, was %s", e.Run, first.Run)
				}
			})
		}
		all.Wait()
		w.state("acme", catalog.Awake)
		if got := w.driver.called(); got != "thaw acme" {
			t.Errorf("calls: %s", got)
		}
		if got := w.store.filed("acme"); got != "awake" {
			t.Errorf("states: %s", got)
		}
		if len(calls) != 3 || calls[0] != "start" || calls[1] != "freeze" || calls[2] != "thaw" {
			t.Errorf("told: %v", calls)
		}
		if e, awake := w.Awake("acme"); !awake || e.Run != first.Run {
			t.Errorf("awake: %v, %+v", awake, e)
		}
		if err := w.FreezeIdle(t.Context(), w.record("acme"), time.Now().Add(-time.Minute)); len(obstacles(err)) != 1 {
			t.Errorf("frozen though somebody has come since: %v", err)
		}
	})
}

// What is in the way of a freeze leaves all as it was.
func TestFreezeGivenUp(t *testing.T) {
	clients := &BusyError{Because: []string{"a client"}}
	thawed := 0
	var inUse error
	bubble(t, func(c *GateConfig) {
		c.Freeze = func(*catalog.Tenant, time.Time) ([]uint32, error) { return nil, inUse }
		c.Thaw = func(*catalog.Tenant) { thawed++ }
	}, func(t *testing.T, w *world) {
		acme := w.record("acme")
		refused := func(what string, want error) {
			t.Helper()
			if err := w.FreezeIdle(t.Context(), acme, time.Now()); !errors.Is(err, want) || err == nil {
				t.Errorf("%s: %v", what, err)
			}
			if _, awake := w.Awake("acme"); !awake || w.driver.frozen("acme") {
				t.Errorf("%s: not awake", what)
			}
		}
		if err := w.FreezeIdle(t.Context(), w.record("acme"), time.Now()); err != nil {
			t.Errorf("freeze of a sleeping one: %v", err)
		}
		w.rouse("acme")
		w.settle()
		inUse = clients
		refused("a client", clients)
		inUse = nil
		w.driver.failNext("freeze", clients)
		refused("others", clients)
		w.state("acme", catalog.Awake)
		w.store.Fail(catalog.ErrUnavailable)
		refused("no catalog", catalog.ErrUnavailable)
		w.store.Fail(nil)
		w.store.Store.Transition(t.Context(), "acme", func(t *catalog.Tenant) error { t.State = catalog.Paused; return nil })
		if err := w.FreezeIdle(t.Context(), w.record("acme"), time.Now()); len(obstacles(err)) != 1 {
			t.Errorf("a paused one: %v", err)
		}
		if thawed != 3 {
			t.Errorf("thawed %d times, want 3", thawed)
		}
	})
}

// Whatever is done with a frozen tenant, it is thawed first.
func TestFrozenIsThawedFirst(t *testing.T) {
	for what, use := range map[string]struct {
		do   func(*world) error
		want string
	}{
		"suspend":          {func(w *world) error { return w.Suspend(w.t.Context(), w.record("acme"), false) }, "thaw acme, suspend acme"},
		"suspend by force": {func(w *world) error { return w.Suspend(w.t.Context(), w.record("acme"), true) }, "thaw acme, suspend acme"},
		"suspend of idle":  {func(w *world) error { return w.SuspendIdle(w.t.Context(), w.record("acme"), time.Now()) }, "thaw acme, suspend acme"},
		"destroy":          {func(w *world) error { return w.Destroy(w.t.Context(), w.record("acme"), false) }, "thaw acme, destroy acme"},
	} {
		t.Run(what, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, w *world) {
				w.rouse("acme")
				w.settle()
				w.chill("acme")
				w.driver.called()
				if err := use.do(w); err != nil {
					t.Fatal(err)
				}
				if got := w.driver.called(); got != use.want {
					t.Errorf("calls: %s, want %s", got, use.want)
				}
				if what != "destroy" {
					w.state("acme", catalog.Asleep)
				}
				synctest.Wait()
				if got := w.remembered(); len(got) > 0 {
					t.Errorf("the gate remembers %v", got)
				}
			})
		})
	}
}

// One that ends while it is frozen, or cannot be thawed, is woken as any other.
func TestFrozenAndGone(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		first := w.rouse("acme")
		w.settle()
		w.chill("acme")
		w.driver.crash("acme")
		w.state("acme", catalog.Asleep)
		second := w.rouse("acme")
		if second.Run == first.Run {
			t.Errorf("run %s again", second.Run)
		}
		w.settle()
		w.chill("acme")
		w.driver.failNext("thaw", errors.New("broken"))
		if e := w.rouse("acme"); e.Run != second.Run || w.driver.frozen("acme") {
			t.Errorf("run %s, was %s", e.Run, second.Run)
		}
		w.state("acme", catalog.Awake)
	})
}

// A tenant is frozen first and suspended later, each in its time from the last use.
func TestSuspenderFreezes(t *testing.T) {
	settings := SuspenderSettings{FreezeAfter: 10 * time.Second, IdleTimeout: time.Minute}
	sleepers(t, settings, func(t *testing.T, w *world, s *Suspender, u *use) {
		frozen := func(after time.Duration, want bool) {
			t.Helper()
			w.awake(after, "acme")
			if w.driver.frozen("acme") != want {
				t.Errorf("frozen is %v", !want)
			}
		}
		w.rouse("acme")
		u.set("acme", Use{Working: true})
		frozen(15*time.Second, false)
		u.set("acme", Use{Since: time.Now()})
		frozen(9*time.Second, false)
		frozen(2*time.Second, true)
		w.state("acme", catalog.Frozen)
		w.rouse("acme")
		frozen(9*time.Second, false)
		frozen(2*time.Second, true)
		u.looked()
		frozen(48*time.Second, true)
		if n := u.looked(); n > 0 {
			t.Errorf("a frozen tenant was looked at %d times", n)
		}
		w.awake(2 * time.Second)
		w.state("acme", catalog.Asleep)

		w.rouse("acme")
		u.set("acme", Use{})
		w.driver.employ("acme", true) // the driver alone sees it
		frozen(65*time.Second, false)
		if got := s.AwakeBecause("acme"); len(got) != 1 {
			t.Errorf("awake because of %q", got)
		}
		w.driver.employ("acme", false)
		w.awake(time.Minute + time.Second)
	})
}

// Some are never frozen: whose own timeout is 0 or too short, or if it is switched off.
func TestNeverFrozen(t *testing.T) {
	sleepers(t, SuspenderSettings{FreezeAfter: 10 * time.Second}, func(t *testing.T, w *world, s *Suspender, _ *use) {
		for id, timeout := range map[catalog.TenantID]string{"beta": "0", "gamma": "10s"} {
			updated, err := w.store.Update(t.Context(), id, func(t *catalog.Tenant) error { t.IdleTimeout = timeout; return nil })
			if err != nil {
				t.Fatal(err)
			}
			s.Updated(updated)
			w.rouse(id)
		}
		w.rouse("acme") // which is never suspended, but may be frozen
		w.awake(time.Hour, "acme", "beta")
		if !w.driver.frozen("acme") || w.driver.frozen("beta") {
			t.Error("not acme alone is frozen")
		}
		s.Reconfigure(SuspenderSettings{})
		w.rouse("acme")
		w.awake(time.Hour, "acme", "beta")
		if w.driver.frozen("acme") {
			t.Error("frozen though that is switched off")
		}
	})
}
