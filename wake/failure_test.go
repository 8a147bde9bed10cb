package wake

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/catalog"
)

func TestTimeoutOfWake(t *testing.T) {
	bubble(t, func(c *GateConfig) { c.Timeout = 5 * time.Second }, func(t *testing.T, w *world) {
		w.driver.take["wake"] = time.Hour
		began := time.Now()
		_, err := w.Ready(t.Context(), w.record("acme"))
		if u := unready(t, err, "waking"); !errors.Is(err, context.DeadlineExceeded) || u.RetryAfter == 0 || time.Since(began) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		w.state("acme", catalog.Asleep)
	})
}

func TestBackoff(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		acme := w.record("acme")
		broken := errors.New("broken")
		for n := range 12 {
			w.driver.failNext("wake", broken)
			_, err := w.Ready(t.Context(), acme)
			u := unready(t, err, "waking")
			nominal := min(500*time.Millisecond<<n, 30*time.Second)
			if !errors.Is(err, broken) || u.RetryAfter < nominal*3/4 || u.RetryAfter > nominal*5/4 {
				t.Fatalf("failure %d: %v, retry after %v, want %v or so", n+1, err, u.RetryAfter, nominal)
			}
			synctest.Wait()
			time.Sleep(u.RetryAfter / 2)
			_, err = w.Ready(t.Context(), acme)
			again := unready(t, err, "backing off")
			if !errors.Is(err, broken) || again.RetryAfter > u.RetryAfter/2+time.Nanosecond || again.RetryAfter <= 0 {
				t.Errorf("halfway: %v, retry after %v", err, again.RetryAfter)
			}
			time.Sleep(again.RetryAfter)
		}
		if got := len(w.driver.calls); got != 12 {
			t.Errorf("%d calls", got)
		}
		w.state("acme", catalog.Asleep)

		w.rouse("acme") // a success clears it
		w.settle()
		w.driver.crash("acme")
		w.settle()
		w.driver.failNext("wake", broken)
		_, err := w.Ready(t.Context(), acme)
		if u := unready(t, err, "waking"); u.RetryAfter > time.Second {
			t.Errorf("the first failure after a success: retry after %v", u.RetryAfter)
		}
	})
}

// All who wait are told of a failure; it is one failure.
func TestFailureIsShared(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		acme := w.record("acme")
		w.driver.failNext("wake", errors.New("broken"))
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				_, err := w.Ready(t.Context(), acme)
				if u := unready(t, err, "waking"); u.RetryAfter > time.Second {
					t.Errorf("retry after %v", u.RetryAfter)
				}
			})
		}
		all.Wait()
		if got := w.driver.called(); got != "wake acme" {
			t.Errorf("calls: %s", got)
		}
		w.settle()
		if got := w.store.filed("acme"); got != "waking, asleep" {
			t.Errorf("states: %s", got)
		}
	})
}

func TestFailedTenant(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		failure := &FailedError{Reason: "disk is broken", Hint: "Buy another.", Log: "PANIC"}
		w.driver.failNext("wake", fmt.Errorf("start: %w", failure))
		_, err := w.Ready(t.Context(), w.record("acme"))
		if unready(t, err, "waking"); !errors.Is(err, failure) {
			t.Error(err)
		}
		w.state("acme", catalog.Failed)
		if got := w.record("acme").Failure; got != "disk is broken\nBuy another.\nPANIC" {
			t.Errorf("failure %q", got)
		}
		time.Sleep(time.Minute)
		w.rouse("acme") // the operator has tried again
		w.state("acme", catalog.Awake)
		if got := w.record("acme").Failure; got != "" {
			t.Errorf("failure %q", got)
		}
	})
}

func TestUnknownDriver(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		other, err := w.store.Create(t.Context(), &catalog.Tenant{ID: "other", State: catalog.Asleep, Driver: "tape"})
		if err != nil {
			t.Fatal(err)
		}
		var failed *FailedError
		if _, err := w.Ready(t.Context(), other); !errors.As(err, &failed) {
			t.Error(err)
		}
		w.state("other", catalog.Failed)
		for call, err := range map[string]error{
			"Suspend": w.Suspend(t.Context(), other, true), "Destroy": w.Destroy(t.Context(), other, true), "Restore": w.Restore(t.Context(), other),
		} {
			if !errors.As(err, &failed) {
				t.Errorf("%s: %v", call, err)
			}
		}
		if _, err := w.Status(t.Context(), other); !errors.As(err, &failed) {
			t.Error(err)
		}
	})
}

// A data directory that has vanished must not be replaced by an empty one, even
// if whoever asks has an old record.
func TestDataIsGone(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		old := w.tenant("fresh", catalog.Provisioning)
		w.rouse("fresh")
		w.settle()
		if err := w.Suspend(t.Context(), w.record("fresh"), false); err != nil {
			t.Fatal(err)
		}
		w.driver.known["fresh"].there = false
		_, err := w.Ready(t.Context(), old)
		var failed *FailedError
		if unready(t, err, "waking"); !errors.As(err, &failed) {
			t.Error(err)
		}
		w.state("fresh", catalog.Failed)
		w.driver.called()
		time.Sleep(time.Minute)
		w.Ready(t.Context(), old)
		if got := w.driver.called(); got != "wake fresh" {
			t.Errorf("calls: %s", got)
		}
	})
}

func TestNoRoom(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		w.tenant("fresh", catalog.Provisioning)
		w.driver.failNext("provision", fmt.Errorf("clone: %w", ErrNoRoom))
		if _, err := w.Ready(t.Context(), w.record("fresh")); !errors.Is(err, ErrNoRoom) {
			t.Error(err)
		}
	})
}

// Without the catalog a tenant is woken all the same, and not made.
func TestD7CatalogIsAwayDuringWake(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		acme := w.record("acme")
		fresh := w.tenant("fresh", catalog.Provisioning)
		w.store.Fail(catalog.ErrUnavailable)
		if _, err := w.Ready(t.Context(), acme); err != nil {
			t.Error(err)
		}
		if _, err := w.Ready(t.Context(), fresh); !errors.Is(err, catalog.ErrUnavailable) {
			t.Error(err)
		}
		w.store.Fail(nil)
		if _, awake := w.Awake("acme"); !awake {
			t.Error("not awake")
		}
	})
}

// A catalog that hangs does not hold up those who wait.
func TestD6CatalogHangsDuringWake(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		w.store.take = 10 * time.Second
		began := time.Now()
		w.rouse("acme")
		w.rouse("acme")
		if got := time.Since(began); got != 20*time.Millisecond {
			t.Errorf("awake after %v", got)
		}
	})
}

// A tenant that hangs while it starts, or fails again and again, delays no other, and
// its own clients hear of it in time.
func TestBrokenTenantDelaysNobody(t *testing.T) {
	bubble(t, func(c *GateConfig) { c.Timeout, c.MaxConcurrent = 5*time.Second, 2 }, func(t *testing.T, w *world) {
		w.tenant("other", catalog.Asleep)
		acme := w.record("acme")
		w.driver.slow("wake", time.Hour)
		var broken sync.WaitGroup
		broken.Go(func() {
			for {
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				began := time.Now()
				_, err := w.Ready(ctx, acme)
				cancel()
				if err == nil { // it has come to itself
					return
				}
				var unready *UnreadyError
				if !errors.As(err, &unready) || unready.Phase == "" || time.Since(began) > 3*time.Second {
					t.Errorf("after %v: %v", time.Since(began), err)
					return
				}
				time.Sleep(unready.RetryAfter)
			}
		})
		synctest.Wait() // it has begun
		w.driver.slow("wake", 20*time.Millisecond)
		began := time.Now()
		w.rouse("other")
		if took := time.Since(began); took != 20*time.Millisecond {
			t.Errorf("the other was awake after %v", took)
		}
		broken.Wait()
	})
}
