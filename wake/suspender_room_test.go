package wake

import (
	"errors"
	"sync"
	"testing"
	"time"

	"postern/catalog"
)

// findsNoRoom is a wake that finds no room.
func (w *world) findsNoRoom(id catalog.TenantID) {
	w.t.Helper()
	before := w.record(id)
	_, err := w.Ready(w.t.Context(), before)
	if u := unready(w.t, err, "making room"); u.RetryAfter <= 0 || !errors.Is(err, ErrCrowded) {
		w.t.Errorf("%v, retry after %v", err, u.RetryAfter)
	}
	if after := w.record(id); after.Generation != before.Generation {
		w.t.Errorf("its state was filed as %s", after.State)
	}
}

// Over the bound a tenant wakes only if another can be put to sleep for it; being
// refused is no failure of its own.
func TestMaxAwakeRefuses(t *testing.T) {
	sleepers(t, SuspenderSettings{IdleTimeout: time.Hour, MaxAwake: 2}, func(t *testing.T, w *world, s *Suspender, u *use) {
		w.Gate.config.Admit = s.Admit
		for _, id := range []catalog.TenantID{"acme", "beta"} {
			u.set(id, Use{Working: true})
			w.rouse(id)
		}
		w.findsNoRoom("gamma")
		w.findsNoRoom("gamma") // at once: it does not back off
		w.awake(10*time.Second, "acme", "beta")
		u.set("beta", Use{Since: time.Now()})
		u.set("gamma", Use{Working: true})
		w.rouse("gamma")
		w.awake(3*time.Second, "acme", "gamma")
		w.findsNoRoom("beta")

		// What only the driver knows to be at work was tried once, and counts then.
		u.set("gamma", Use{Since: time.Now()})
		w.driver.employ("gamma", true)
		w.rouse("beta")
		u.set("beta", Use{Working: true})
		w.awake(3*time.Second, "acme", "beta", "gamma")
		u.set("beta", Use{Since: time.Now()})
		w.awake(3*time.Second, "acme", "gamma")
		w.findsNoRoom("beta")
	})
}

// Those that are just waking count.
func TestMaxAwakeInStorm(t *testing.T) {
	sleepers(t, SuspenderSettings{IdleTimeout: time.Hour, MaxAwake: 2}, func(t *testing.T, w *world, s *Suspender, _ *use) {
		w.Gate.config.Admit = s.Admit
		var all sync.WaitGroup
		woken := make(chan error, 3)
		for _, id := range []catalog.TenantID{"acme", "beta", "gamma"} {
			all.Go(func() {
				_, err := w.Ready(t.Context(), w.record(id))
				woken <- err
			})
		}
		all.Wait()
		close(woken)
		refused := 0
		for err := range woken {
			if errors.Is(err, ErrCrowded) {
				refused++
			}
		}
		if refused != 1 {
			t.Errorf("%d were refused", refused)
		}
		w.settle()
		if s.coming != 0 {
			t.Errorf("%d are still coming", s.coming)
		}
	})
}

// Where memory is short, one sleeps for each that wakes.
func TestShortOfMemory(t *testing.T) {
	sleepers(t, SuspenderSettings{IdleTimeout: time.Hour}, func(t *testing.T, w *world, s *Suspender, u *use) {
		short := false
		w.Gate.config.Admit, s.config.Short = s.Admit, func() bool { return short }
		u.set("acme", Use{Working: true})
		w.rouse("acme")
		w.rouse("beta")
		w.awake(10*time.Second, "acme", "beta")
		short = true
		u.set("gamma", Use{Working: true})
		w.rouse("gamma")
		w.awake(3*time.Second, "acme", "gamma")
		w.findsNoRoom("beta")
		short = false
		w.rouse("beta")
		w.awake(3*time.Second, "acme", "beta", "gamma")
	})
}
