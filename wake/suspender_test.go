package wake

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/catalog"
)

// use is what a proxy does in a test: a Clients that is told what to say.
type use struct {
	mu     sync.Mutex
	uses   map[catalog.TenantID]Use           // under mu
	pinned map[catalog.TenantID]bool          // under mu: that is all that keeps it awake
	ended  map[catalog.TenantID]time.Duration // under mu: by EndPinned
	parks  map[catalog.TenantID]time.Duration // under mu: whose sessions are parked when they have been idle for so long
	looks  int                                // under mu
}

func (u *use) LastUse(t *catalog.Tenant) Use {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.looks++
	return u.uses[t.ID]
}

func (u *use) AwakeBecause(id catalog.TenantID) []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.uses[id].Working {
		return []string{"a client"}
	}
	return nil
}

func (u *use) Park(t *catalog.Tenant, idle time.Duration) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if least, parks := u.parks[t.ID]; !parks || idle < least {
		return false
	}
	u.uses[t.ID] = Use{}
	return true
}

func (u *use) EndPinned(t *catalog.Tenant, idle time.Duration) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.pinned[t.ID] {
		return false
	}
	u.ended[t.ID] = idle
	u.uses[t.ID] = Use{}
	return true
}

// set says what is being done for a tenant.
func (u *use) set(id catalog.TenantID, use Use) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.uses[id] = use
}

// looked is how often it was asked since that was last asked.
func (u *use) looked() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := u.looks
	u.looks = 0
	return n
}

// sleepers is a bubble with a Suspender that runs, and the tenants acme, beta and
// gamma, all asleep.
func sleepers(t *testing.T, settings SuspenderSettings, test func(*testing.T, *world, *Suspender, *use)) {
	t.Helper()
	var s *Suspender
	bubble(t, func(c *GateConfig) {
		c.Moved = func(t *catalog.Tenant, awake bool) { s.Moved(t, awake) }
	}, func(t *testing.T, w *world) {
		w.tenant("beta", catalog.Asleep)
		w.tenant("gamma", catalog.Asleep)
		u := &use{
			uses: make(map[catalog.TenantID]Use), pinned: make(map[catalog.TenantID]bool), ended: make(map[catalog.TenantID]time.Duration),
			parks: make(map[catalog.TenantID]time.Duration),
		}
		s = NewSuspender(SuspenderConfig{Gate: w.Gate, Clients: u, Settings: settings, Log: w.config.Log})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { s.Run(ctx) })
		defer running.Wait()
		defer cancel()
		test(t, w, s, u)
	})
}

// after lets time pass, and returns which tenants run then.
func (w *world) after(d time.Duration) (run []catalog.TenantID) {
	time.Sleep(d)
	synctest.Wait()
	for _, id := range []catalog.TenantID{"acme", "beta", "gamma"} {
		if w.driver.run(id) != "" {
			run = append(run, id)
		}
	}
	return run
}

// awake checks which tenants run after a time.
func (w *world) awake(d time.Duration, want ...catalog.TenantID) {
	w.t.Helper()
	if got := w.after(d); !slices.Equal(got, want) {
		w.t.Errorf("awake are %v, want %v", got, want)
	}
}

func TestD4IdleTenantIsSuspended(t *testing.T) {
	sleepers(t, SuspenderSettings{IdleTimeout: time.Minute}, func(t *testing.T, w *world, s *Suspender, u *use) {
		w.rouse("acme")
		w.awake(59*time.Second, "acme")
		w.awake(2 * time.Second)
		w.state("acme", catalog.Asleep)
		if len(s.tenants) > 0 || len(s.looks.heap) > 0 {
			t.Error("the suspender remembers a tenant that sleeps")
		}
		u.looked()
		w.awake(time.Hour)
		if n := u.looked(); n > 0 {
			t.Errorf("a sleeping tenant was looked at %d times", n)
		}
	})
}

// Idleness counts from the last use, of which the Suspender learns when it looks.
func TestIdlenessCountsFromLastUse(t *testing.T) {
	sleepers(t, SuspenderSettings{IdleTimeout: time.Minute}, func(t *testing.T, w *world, s *Suspender, u *use) {
		w.rouse("acme")
		w.awake(50*time.Second, "acme")
		used := time.Now()
		u.set("acme", Use{Since: used})
		w.awake(59*time.Second, "acme")
		w.awake(2 * time.Second)
		if got := w.record("acme").LastActiveAt; !got.Equal(used) {
			t.Errorf("filed as last active at %v, want %v", got, used)
		}
		if n := u.looked(); n != 3 { // the last time just before the end
			t.Errorf("it was looked at %d times, want 3", n)
		}

		// What the pools have forgotten they have told.
		w.rouse("acme")
		w.awake(50*time.Second, "acme")
		u.set("acme", Use{})
		s.Used(w.record("acme").UID, time.Now())
		w.awake(59*time.Second, "acme")
		w.awake(2 * time.Second)
	})
}

func TestD4WorkKeepsAwake(t *testing.T) {
	sleepers(t, SuspenderSettings{IdleTimeout: time.Minute}, func(t *testing.T, w *world, s *Suspender, u *use) {
		w.rouse("acme") // with a client that is at work
		u.set("acme", Use{Working: true})
		w.rouse("beta") // with an operation of ours
		release := w.Hold("beta")
		w.rouse("gamma") // with work that the driver alone sees
		w.driver.employ("gamma", true)
		w.driver.called()
		u.looked()
		w.awake(10*time.Minute+10*time.Second, "acme", "beta", "gamma")
		if n := u.looked(); n != 50 { // around each try, too
			t.Errorf("they were looked at %d times, want 50", n)
		}
		calls := "suspend gamma"
		for range 9 {
			calls += ", suspend gamma"
		}
		if got := w.driver.called(); got != calls {
			t.Errorf("calls: %s", got)
		}
		for id, want := range map[catalog.TenantID]string{
			"acme": "a client", "beta": heldBecause, "gamma": "a client, seen at 2000-01-01T00:10:00Z",
		} {
			if got := s.AwakeBecause(id); len(got) != 1 || got[0] != want {
				t.Errorf("%s is awake because of %q, want %q", id, got, want)
			}
		}
		u.set("acme", Use{Since: time.Now()})
		w.driver.employ("gamma", false)
		release()
		w.awake(59*time.Second, "acme", "beta")
		w.awake(2 * time.Second)
	})
}

func TestNeverSuspended(t *testing.T) {
	sleepers(t, SuspenderSettings{}, func(t *testing.T, w *world, _ *Suspender, u *use) {
		w.rouse("acme")
		w.awake(1000*time.Hour, "acme")
		if n := u.looked(); n > 0 {
			t.Errorf("it was looked at %d times", n)
		}
	})
}

// Who does not count does not keep it awake, but is not cut off either.
func TestDisregardedUse(t *testing.T) {
	sleepers(t, SuspenderSettings{IdleTimeout: time.Minute}, func(t *testing.T, w *world, _ *Suspender, u *use) {
		w.rouse("acme")
		u.set("acme", Use{Disregarded: true})
		w.awake(time.Minute+10*time.Second, "acme")
		u.set("acme", Use{})
		w.awake(2 * time.Second)
	})
}

func TestPinnedSessionsAreEnded(t *testing.T) {
	sleepers(t, SuspenderSettings{IdleTimeout: time.Minute, MaxPinIdle: 10 * time.Minute}, func(t *testing.T, w *world, _ *Suspender, u *use) {
		w.rouse("acme")
		u.set("acme", Use{Working: true})
		w.awake(30*time.Minute, "acme") // there are others
		u.mu.Lock()
		u.pinned["acme"] = true
		u.mu.Unlock()
		w.awake(time.Minute + 2*time.Second)
		if u.ended["acme"] != 10*time.Minute {
			t.Errorf("ended: %v", u.ended)
		}
	})
}

// Sessions in session mode that do nothing are parked, and their tenant sleeps.
func TestIdleSessionsAreParked(t *testing.T) {
	sleepers(t, SuspenderSettings{IdleTimeout: time.Minute}, func(t *testing.T, w *world, _ *Suspender, u *use) {
		w.rouse("acme")
		u.set("acme", Use{Working: true})
		w.awake(30*time.Minute, "acme")
		u.mu.Lock()
		u.parks["acme"] = time.Minute
		u.mu.Unlock()
		w.awake(time.Minute + 2*time.Second)
		if len(u.ended) > 0 {
			t.Errorf("ended: %v", u.ended)
		}
	})
}

func TestMaxAwake(t *testing.T) {
	sleepers(t, SuspenderSettings{IdleTimeout: time.Hour, MaxAwake: 2}, func(t *testing.T, w *world, _ *Suspender, u *use) {
		w.rouse("acme")
		time.Sleep(time.Minute)
		w.rouse("beta")
		time.Sleep(time.Minute)
		u.set("acme", Use{Since: time.Now()}) // which has woken first
		w.rouse("gamma")
		w.awake(time.Second, "acme", "gamma")
	})
}

// Where all are at work nobody is suspended, until one is done.
func TestMaxAwakeWaits(t *testing.T) {
	sleepers(t, SuspenderSettings{MaxAwake: 2}, func(t *testing.T, w *world, _ *Suspender, u *use) {
		for _, id := range []catalog.TenantID{"acme", "beta", "gamma"} {
			u.set(id, Use{Working: true})
			w.rouse(id)
		}
		u.looked()
		w.awake(time.Minute, "acme", "beta", "gamma")
		if n := u.looked(); n > 3*61 {
			t.Errorf("they were looked at %d times in a minute", n)
		}
		u.set("beta", Use{Since: time.Now()})
		w.awake(3*time.Second, "acme", "gamma")
		u.looked()
		w.awake(time.Minute, "acme", "gamma")
		if n := u.looked(); n > 0 {
			t.Errorf("looked at %d times though there is room", n)
		}
	})
}

// A client that comes before the instance has begun to stop has it back at once.
func TestComerHasItBack(t *testing.T) {
	sleepers(t, SuspenderSettings{IdleTimeout: time.Minute}, func(t *testing.T, w *world, _ *Suspender, u *use) {
		first := w.rouse("acme")
		w.driver.slow("suspend", time.Second)
		w.awake(time.Minute+500*time.Millisecond, "acme")
		if e := w.rouse("acme"); e.Run != first.Run {
			t.Errorf("run %s, want %s", e.Run, first.Run)
		}
		u.set("acme", Use{Since: time.Now()})
		w.state("acme", catalog.Awake)
		w.awake(59*time.Second, "acme")
		w.awake(3 * time.Second)
	})
}

// An operator's suspend does not heed Hold, and a tenant that has an operation under
// way is left alone.
func TestSuspendIdleAndOperator(t *testing.T) {
	sleepers(t, SuspenderSettings{IdleTimeout: time.Minute}, func(t *testing.T, w *world, s *Suspender, _ *use) {
		w.rouse("acme")
		release := w.Hold("acme")
		if err := w.Suspend(t.Context(), w.record("acme"), false); err != nil {
			t.Error(err)
		}
		if len(s.tenants) > 0 {
			t.Error("the suspender does not know that it sleeps")
		}
		release()
		if got := w.remembered(); len(got) > 0 {
			t.Errorf("the gate remembers %v", got)
		}
		w.rouse("acme")
		w.driver.slow("suspend", time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		go w.Suspend(ctx, w.record("acme"), false)
		synctest.Wait()
		if err := w.SuspendIdle(t.Context(), w.record("acme"), time.Now()); len(obstacles(err)) != 1 {
			t.Error(err)
		}
		w.awake(30*time.Second, "acme")
		w.driver.slow("suspend", 0)
		w.awake(31 * time.Second)
	})
}

// An instance that ends by itself is no longer looked after, and its next run is.
func TestSuspenderAfterCrash(t *testing.T) {
	sleepers(t, SuspenderSettings{IdleTimeout: time.Minute}, func(t *testing.T, w *world, s *Suspender, _ *use) {
		w.rouse("acme")
		w.driver.crash("acme")
		w.awake(time.Second)
		if len(s.tenants) > 0 {
			t.Error("the suspender does not know that it has ended")
		}
		w.rouse("acme")
		w.awake(59*time.Second, "acme")
		w.awake(2 * time.Second)
	})
}

// What runs already is adopted, and suspended in its time.
func TestAdoptedTenantIsSuspended(t *testing.T) {
	sleepers(t, SuspenderSettings{IdleTimeout: time.Minute}, func(t *testing.T, w *world, _ *Suspender, _ *use) {
		acme := w.record("acme")
		if _, err := w.driver.Wake(t.Context(), acme); err != nil {
			t.Fatal(err)
		}
		w.store.Store.Transition(t.Context(), "acme", func(t *catalog.Tenant) error { t.State = catalog.Awake; return nil })
		if err := w.Adopt(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.awake(59*time.Second, "acme")
		w.awake(2 * time.Second)
	})
}

// Without the catalog nobody is suspended; after it is back they are.
func TestSuspenderWithoutCatalog(t *testing.T) {
	sleepers(t, SuspenderSettings{IdleTimeout: time.Minute}, func(t *testing.T, w *world, s *Suspender, _ *use) {
		w.rouse("acme")
		w.settle()
		w.store.Fail(catalog.ErrUnavailable)
		w.awake(90*time.Second, "acme")
		if got := s.AwakeBecause("acme"); len(got) != 1 {
			t.Errorf("awake because of %q", got)
		}
		w.store.Fail(nil)
		w.awake(time.Minute)
	})
}

// A tenant may have a timeout of its own, from its next look on when it changes.
func TestTenantsOwnTimeout(t *testing.T) {
	sleepers(t, SuspenderSettings{IdleTimeout: time.Hour}, func(t *testing.T, w *world, s *Suspender, u *use) {
		own := func(id catalog.TenantID, timeout string) {
			updated, err := w.store.Update(t.Context(), id, func(t *catalog.Tenant) error { t.IdleTimeout = timeout; return nil })
			if err != nil {
				t.Fatal(err)
			}
			s.Updated(updated)
		}
		own("acme", "1m")
		own("beta", "0")
		for _, id := range []catalog.TenantID{"acme", "beta", "gamma"} {
			w.rouse(id)
		}
		w.awake(59*time.Second, "acme", "beta", "gamma")
		w.awake(2*time.Second, "beta", "gamma")
		w.awake(time.Hour, "beta")
		w.awake(1000*time.Hour, "beta")
		s.Reconfigure(SuspenderSettings{MaxAwake: 1})
		w.rouse("acme")
		w.awake(2*time.Second, "beta") // which never sleeps
		u.set("beta", Use{Since: time.Now()})
		own("beta", "1m")
		w.awake(59*time.Second, "beta")
		w.awake(2 * time.Second)
	})
}

// Other settings hold at once, for tenants that are awake already, too.
func TestSuspenderReconfigure(t *testing.T) {
	sleepers(t, SuspenderSettings{}, func(t *testing.T, w *world, s *Suspender, u *use) {
		w.rouse("acme")
		w.awake(time.Hour, "acme")
		s.Reconfigure(SuspenderSettings{IdleTimeout: 2 * time.Hour})
		w.awake(59*time.Minute, "acme")
		s.Reconfigure(SuspenderSettings{IdleTimeout: 3 * time.Hour})
		w.awake(time.Hour, "acme")
		s.Reconfigure(SuspenderSettings{IdleTimeout: time.Minute})
		w.awake(time.Second)
		for _, id := range []catalog.TenantID{"acme", "beta", "gamma"} {
			w.rouse(id)
		}
		s.Reconfigure(SuspenderSettings{})
		w.awake(time.Hour, "acme", "beta", "gamma")
		u.set("beta", Use{Since: time.Now()})
		s.Reconfigure(SuspenderSettings{MaxAwake: 1})
		w.awake(5*time.Second, "beta")
	})
}
