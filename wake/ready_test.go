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

// Promises: J3.
func TestJ3OneWakeHoweverManyWait(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		acme := w.record("acme")
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				e, err := w.Ready(t.Context(), acme)
				if err != nil || e.Run != "1" {
					t.Errorf("%+v, %v", e, err)
				}
			})
		}
		all.Wait()
		if got := w.driver.called(); got != "wake acme" {
			t.Errorf("calls: %s", got)
		}
		if e := w.rouse("acme"); e.Run != "1" {
			t.Errorf("%+v", e)
		}
		w.settle()
		if e, awake := w.Awake("acme"); !awake || e.Run != "1" {
			t.Errorf("%+v, awake %v", e, awake)
		}
		if got := w.driver.called(); got != "" {
			t.Errorf("calls for a tenant that is awake: %s", got)
		}
		if got := w.store.filed("acme"); got != "waking, awake" {
			t.Errorf("states: %s", got)
		}
		if got := w.record("acme"); got.Version != 1 || got.Generation != 2 || got.LastActiveAt.IsZero() {
			t.Errorf("version %d, generation %d, last active %v", got.Version, got.Generation, got.LastActiveAt)
		}
		w.state("acme", catalog.Awake)
	})
}

// While it is under way the record says who is at it, and until when.
func TestTransitionalState(t *testing.T) {
	bubble(t, func(c *GateConfig) { c.Timeout = time.Minute }, func(t *testing.T, w *world) {
		w.driver.take["wake"] = 10 * time.Second
		go w.Ready(t.Context(), w.record("acme"))
		synctest.Wait()
		got := w.record("acme")
		if got.State != catalog.Waking || got.Owner != "proxy-1" || !got.Deadline.Equal(time.Now().Add(time.Minute)) {
			t.Errorf("%s, owner %q, deadline %v", got.State, got.Owner, got.Deadline)
		}
		if _, awake := w.Awake("acme"); awake {
			t.Error("awake while it wakes")
		}
		time.Sleep(11 * time.Second)
		w.state("acme", catalog.Awake)
	})
}

// Whoever gives up leaves; the others go on waiting, and the start goes on.
// Promises: J3.
func TestJ3WaitersHaveTheirOwnDeadlines(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		w.driver.take["wake"] = 10 * time.Second
		acme := w.record("acme")
		began := time.Now()
		var all sync.WaitGroup
		for name, wait := range map[string]func(context.Context) (context.Context, context.CancelFunc){
			"deadline": func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, 3*time.Second)
			},
			"hang-up": func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancelCause(ctx)
				time.AfterFunc(3*time.Second, func() { cancel(errors.New("hung up")) })
				return ctx, func() { cancel(nil) }
			},
		} {
			all.Go(func() {
				ctx, cancel := wait(t.Context())
				defer cancel()
				_, err := w.Ready(ctx, acme)
				u := unready(t, err, "waking")
				if !errors.Is(err, context.Cause(ctx)) || time.Since(began) != 3*time.Second || u.RetryAfter != 0 {
					t.Errorf("%s: %v after %v", name, err, time.Since(began))
				}
			})
		}
		all.Go(func() {
			if _, err := w.Ready(t.Context(), acme); err != nil || time.Since(began) != 10*time.Second {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		})
		all.Wait()
		if got := w.driver.called(); got != "wake acme" {
			t.Errorf("calls: %s", got)
		}
	})
}

// A start that nobody waits for any more is finished all the same.
func TestStartGoesOnWithoutWaiters(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := w.Ready(gone, w.record("acme"))
		unready(t, err, "waking")
		w.settle()
		if _, awake := w.Awake("acme"); !awake {
			t.Error("not awake")
		}
		w.state("acme", catalog.Awake)
	})
}

func TestMaxConcurrent(t *testing.T) {
	bubble(t, func(c *GateConfig) { c.MaxConcurrent = 3 }, func(t *testing.T, w *world) {
		w.driver.take["wake"] = time.Second
		var all sync.WaitGroup
		began := time.Now()
		for n := range 10 {
			id := catalog.TenantID(fmt.Sprintf("t%d", n))
			tenant := w.tenant(id, catalog.Asleep)
			all.Go(func() {
				if _, err := w.Ready(t.Context(), tenant); err != nil {
					t.Error(err)
				}
				if want := time.Duration(n/3+1) * time.Second; time.Since(began) != want {
					t.Errorf("%s, the %d. to ask, is awake after %v, want %v", id, n, time.Since(began), want)
				}
			})
			synctest.Wait() // they come one after the other
		}
		all.Wait()
		if w.driver.most != 3 {
			t.Errorf("%d at once", w.driver.most)
		}
	})
}

// The observer is told of each start that was tried.
func TestObserve(t *testing.T) {
	var seen []string
	bubble(t, func(c *GateConfig) {
		c.Observe = func(driver string, took time.Duration, err error) {
			seen = append(seen, fmt.Sprintf("%s %v %v", driver, took, err))
		}
	}, func(t *testing.T, w *world) {
		w.driver.failNext("wake", errors.New("broken"))
		w.Ready(t.Context(), w.record("acme"))
		w.settle()
		w.rouse("acme")
		w.rouse("acme")
		synctest.Wait()
		if got := fmt.Sprint(seen); got != "[memory 20ms broken memory 20ms <nil>]" {
			t.Error(got)
		}
	})
}

func TestInstanceEndsByItself(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		w.rouse("acme")
		w.settle()
		w.driver.called()
		w.store.filed("acme")
		w.driver.crash("acme")
		if _, awake := w.Awake("acme"); awake {
			t.Error("awake although it has ended")
		}
		if e := w.rouse("acme"); e.Run != "2" { // at once, before anybody has noticed
			t.Errorf("%+v", e)
		}
		w.settle()
		w.state("acme", catalog.Awake)
		w.driver.crash("acme")
		w.settle()
		w.state("acme", catalog.Asleep)
		if got := w.remembered(); len(got) > 0 {
			t.Errorf("the gate remembers %v", got)
		}
		if e := w.rouse("acme"); e.Run != "3" {
			t.Errorf("%+v", e)
		}
	})
}

// What a run's end is filed as must not come after what the next run is filed as.
func TestInstanceEndsWhileCatalogIsSlow(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		w.rouse("acme")
		w.settle()
		w.store.take = 300 * time.Millisecond
		w.driver.crash("acme")
		synctest.Wait() // its end is being filed
		w.store.take = 0
		w.rouse("acme")
		synctest.Wait()
		w.state("acme", catalog.Awake)
		w.settle()
		w.state("acme", catalog.Awake)
	})
}

// An instance may end while its wake is being filed.
func TestInstanceEndsAtOnce(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		w.store.take = 100 * time.Millisecond
		w.rouse("acme")
		w.driver.crash("acme")
		w.settle()
		w.state("acme", catalog.Asleep)
		if got := w.remembered(); len(got) > 0 {
			t.Errorf("the gate remembers %v", got)
		}
	})
}

func TestProvision(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		w.tenant("fresh", catalog.Provisioning)
		w.driver.failNext("provision", errors.New("broken"))
		_, err := w.Ready(t.Context(), w.record("fresh"))
		unready(t, err, "waking")
		w.state("fresh", catalog.Provisioning) // and so it may be tried again
		time.Sleep(time.Second)
		w.rouse("fresh")
		w.state("fresh", catalog.Awake)
		if got := w.driver.called(); got != "wake fresh, provision fresh, wake fresh, provision fresh, wake fresh" {
			t.Errorf("calls: %s", got)
		}
		w.settle()
		if got := w.store.filed("fresh"); got != "provisioning, awake" {
			t.Errorf("states: %s", got)
		}
	})
}

// A making that failed for good is tried again by whoever asks next: the operator
// has mended what was wrong, perhaps. The reason stays what it was.
func TestProvisionAfterFailure(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		w.tenant("fresh", catalog.Provisioning)
		failure := &FailedError{Reason: "PostgreSQL 99 is not installed"}
		w.driver.failNext("provision", failure, failure, errors.New("broken"))
		for n := range 2 {
			_, err := w.Ready(t.Context(), w.record("fresh"))
			if unready(t, err, "waking"); !errors.Is(err, failure) {
				t.Error(err)
			}
			w.state("fresh", catalog.Failed)
			if got := w.record("fresh").Failure; got != failure.Reason {
				t.Errorf("failure %d: %q", n+1, got)
			}
			time.Sleep(time.Minute)
		}
		_, err := w.Ready(t.Context(), w.record("fresh"))
		unready(t, err, "waking")
		w.state("fresh", catalog.Provisioning)
		time.Sleep(time.Minute)
		w.rouse("fresh")
		w.state("fresh", catalog.Awake)
		if got := w.record("fresh").Failure; got != "" {
			t.Errorf("failure %q", got)
		}
	})
}

// Whoever waits is patient for as long as for any wake; the making goes on, and the
// next finds it done.
func TestSlowProvision(t *testing.T) {
	bubble(t, func(c *GateConfig) { c.Timeout = time.Second }, func(t *testing.T, w *world) {
		w.tenant("fresh", catalog.Provisioning)
		w.driver.slow("provision", time.Minute)
		patience, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := w.Ready(patience, w.record("fresh"))
		unready(t, err, "waking")
		w.rouse("fresh")
		if got := w.driver.called(); got != "wake fresh, provision fresh, wake fresh" {
			t.Errorf("calls: %s", got)
		}
		w.state("fresh", catalog.Awake)
	})
}

func TestClose(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		w.driver.take["wake"] = time.Hour
		acme := w.record("acme")
		other := w.tenant("other", catalog.Asleep)
		answered := make(chan error)
		go func() {
			_, err := w.Ready(t.Context(), acme)
			answered <- err
		}()
		synctest.Wait()
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			w.Close()
		}()
		if err := <-answered; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		<-closed
		if w.driver.now != 0 {
			t.Error("a call is under way after Close")
		}
		_, err := w.Ready(t.Context(), other)
		unready(t, err, "closing")
		unready(t, w.Suspend(t.Context(), other, true), "closing")
		unready(t, w.Destroy(t.Context(), other, true), "closing")
	})
}
