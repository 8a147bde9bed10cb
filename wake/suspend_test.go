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

// pgAuthid is what instances has for roles.
var pgAuthid = map[string]catalog.Role{"app": {Name: "app", CanLogin: true, Verifier: "as in pg_authid"}}

func TestSuspend(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		first := w.rouse("acme")
		w.settle()
		w.store.filed("acme")
		if err := w.Suspend(t.Context(), w.record("acme"), false); err != nil {
			t.Fatal(err)
		}
		select {
		case <-first.Gone:
		default:
			t.Error("it has returned before the instance was gone")
		}
		w.state("acme", catalog.Asleep)
		if _, awake := w.Awake("acme"); awake {
			t.Error("awake")
		}
		if got := w.store.filed("acme"); got != "suspending, asleep" {
			t.Errorf("states: %s", got)
		}
		synctest.Wait()
		if got := w.remembered(); len(got) > 0 {
			t.Errorf("the gate remembers %v", got)
		}
		if e := w.rouse("acme"); e.Run == first.Run {
			t.Errorf("%+v", e)
		}
	})
}

// Stopping what is stopped changes nothing.
func TestSuspendOfSleeping(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		before := w.record("acme")
		for range 2 {
			if err := w.Suspend(t.Context(), before, false); err != nil {
				t.Fatal(err)
			}
		}
		if after := w.record("acme"); after.Generation != before.Generation || after.State != catalog.Asleep {
			t.Errorf("filed %q", w.store.filed("acme"))
		}
	})
}

// The states that say more than asleep are left alone.
func TestSuspendKeepsState(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		for _, state := range []catalog.State{catalog.Paused, catalog.Failed, catalog.Deleting, catalog.Provisioning} {
			id := catalog.TenantID("t-" + state)
			tenant := w.tenant(id, state)
			if state != catalog.Provisioning {
				w.rouse(id)
				w.settle()
				if w.driver.run(id) == "" {
					t.Fatalf("%s does not run", id)
				}
			}
			w.store.Store.Transition(t.Context(), id, func(t *catalog.Tenant) error {
				t.State, t.Owner, t.Deadline, t.Failure = state, "", time.Time{}, "because"
				return nil
			})
			if err := w.Suspend(t.Context(), tenant, false); err != nil {
				t.Errorf("%s: %v", state, err)
			}
			w.state(id, state)
			if got := w.record(id).Failure; got != "because" {
				t.Errorf("%s: failure %q", state, got)
			}
			if w.driver.run(id) != "" {
				t.Errorf("%s: it runs", state)
			}
		}
	})
}

func TestSuspendBusy(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		first := w.rouse("acme")
		w.driver.employ("acme", true)
		var busy *BusyError
		if err := w.Suspend(t.Context(), w.record("acme"), false); !errors.As(err, &busy) {
			t.Fatal(err)
		}
		w.state("acme", catalog.Awake)
		if e, awake := w.Awake("acme"); !awake || e.Run != first.Run {
			t.Errorf("%+v, awake %v", e, awake)
		}
		if e := w.rouse("acme"); e.Run != first.Run {
			t.Errorf("%+v", e)
		}
		if err := w.Suspend(t.Context(), w.record("acme"), true); err != nil {
			t.Fatal(err)
		}
		w.state("acme", catalog.Asleep)
	})
}

// Release comes first, then the record, then the driver; what Release refuses
// goes no further.
func TestReleaseComesFirst(t *testing.T) {
	var w *world
	var refuse error
	var steps []string
	bubble(t, func(c *GateConfig) {
		c.Release = func(ctx context.Context, id catalog.TenantID, force bool) error {
			_, awake := w.Awake(id)
			steps = append(steps, fmt.Sprintf("release %s %v: %s, run %q, awake %v", id, force, w.record(id).State, w.driver.run(id), awake))
			return refuse
		}
	}, func(t *testing.T, world *world) {
		w = world
		w.driver.stopping = func(id catalog.TenantID) {
			steps = append(steps, fmt.Sprintf("stop: %s", w.store.filed(id)))
		}
		w.rouse("acme")
		w.settle()
		w.store.filed("acme")

		refuse = &BusyError{Because: []string{"a client"}}
		if err := w.Suspend(t.Context(), w.record("acme"), false); !errors.Is(err, refuse) {
			t.Error(err)
		}
		if got := w.store.filed("acme"); got != "" {
			t.Errorf("filed %s although nothing has changed", got)
		}
		if _, awake := w.Awake("acme"); !awake {
			t.Error("not awake after all")
		}
		refuse = nil
		if err := w.Suspend(t.Context(), w.record("acme"), true); err != nil {
			t.Error(err)
		}
		w.rouse("acme")
		w.settle()
		if err := w.Destroy(t.Context(), w.record("acme"), false); err != nil {
			t.Error(err)
		}
		want := `[release acme false: awake, run "1", awake false release acme true: awake, run "1", awake false stop: suspending release acme true: awake, run "2", awake false]`
		if got := fmt.Sprint(steps); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// The roles as the instance has them are filed before it stops, as a new version
// if they are news.
func TestD3RolesAreFiled(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		for round, version := range []int64{2, 2} {
			w.rouse("acme")
			w.driver.stopping = func(id catalog.TenantID) {
				if got := w.record(id).Roles["app"]; !got.Equal(pgAuthid["app"]) {
					t.Errorf("round %d: the instance stops before its roles are filed: %+v", round, got)
				}
			}
			if err := w.Suspend(t.Context(), w.record("acme"), false); err != nil {
				t.Fatal(err)
			}
			if got := w.record("acme").Version; got != version {
				t.Errorf("round %d: version %d, want %d", round, got, version)
			}
		}
	})
}

// Without the catalog nothing is suspended.
func TestD8CatalogIsAwayDuringSuspend(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		first := w.rouse("acme")
		w.settle()
		w.driver.called()
		acme := w.record("acme")
		w.store.Fail(catalog.ErrUnavailable)
		if err := w.Suspend(t.Context(), acme, true); !errors.Is(err, catalog.ErrUnavailable) {
			t.Error(err)
		}
		w.store.Fail(nil)
		if got := w.driver.called(); got != "" {
			t.Errorf("calls: %s", got)
		}
		if e, awake := w.Awake("acme"); !awake || e.Run != first.Run {
			t.Errorf("%+v, awake %v", e, awake)
		}
		w.state("acme", catalog.Awake)

		// Nor if it goes away before the roles are filed.
		w.driver.take["suspend"] = time.Second
		time.AfterFunc(500*time.Millisecond, func() { w.store.Fail(catalog.ErrUnavailable) })
		if err := w.Suspend(t.Context(), acme, true); !errors.Is(err, catalog.ErrUnavailable) {
			t.Error(err)
		}
		w.store.Fail(nil)
		if _, awake := w.Awake("acme"); !awake || w.driver.run("acme") != first.Run {
			t.Error("stopped although its roles could not be filed")
		}
	})
}

// A wake waits for the suspend that is under way, and then wakes.
func TestWakeWhileSuspending(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		first := w.rouse("acme")
		w.driver.take["suspend"] = time.Second
		acme := w.record("acme")
		var all sync.WaitGroup
		all.Go(func() {
			if err := w.Suspend(t.Context(), acme, false); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(500 * time.Millisecond)
		if _, awake := w.Awake("acme"); awake {
			t.Error("awake while it is being stopped")
		}
		impatient, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := w.Ready(impatient, acme)
		unready(t, err, "waking")
		w.driver.called()
		for range 10 {
			all.Go(func() {
				if e, err := w.Ready(t.Context(), acme); err != nil || e.Run == first.Run {
					t.Errorf("%+v, %v", e, err)
				}
			})
		}
		all.Wait()
		if got := w.driver.called(); got != "wake acme" {
			t.Errorf("calls: %s", got)
		}
		w.settle()
		if got := w.store.filed("acme"); got != "waking, awake, suspending, asleep, waking, awake" {
			t.Errorf("states: %s", got)
		}
	})
}

// A suspend waits for the wake that is under way, as long as its context lets it.
func TestSuspendWhileWaking(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		w.driver.take["wake"] = 5 * time.Second
		acme := w.record("acme")
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := w.Ready(t.Context(), acme); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		unready(t, w.Suspend(impatient, acme, false), "waiting for another operation")
		if err := w.Suspend(t.Context(), acme, false); err != nil {
			t.Error(err)
		}
		all.Wait()
		w.state("acme", catalog.Asleep)
		if got := w.driver.called(); got != "wake acme, suspend acme" {
			t.Errorf("calls: %s", got)
		}
	})
}

// A suspend that was begun is not broken off because whoever asked has hung up,
// but it keeps to the time that was given.
func TestSuspendAndItsContext(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		w.rouse("acme")
		w.settle()
		w.driver.take["suspend"] = 5 * time.Second
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if err := w.Suspend(ctx, w.record("acme"), false); err != nil {
			t.Error(err)
		}
		w.state("acme", catalog.Asleep)

		w.rouse("acme")
		w.settle()
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := w.Suspend(ctx, w.record("acme"), false); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		w.state("acme", catalog.Awake)
		if _, awake := w.Awake("acme"); !awake {
			t.Error("not awake")
		}
	})
}

// An instance may end by itself while a suspend of it fails.
func TestInstanceEndsDuringBusySuspend(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		w.rouse("acme")
		w.settle()
		w.driver.take["suspend"] = time.Second
		w.driver.failNext("suspend", &BusyError{Because: []string{"a client"}})
		time.AfterFunc(500*time.Millisecond, func() { w.driver.crash("acme") })
		var busy *BusyError
		if err := w.Suspend(t.Context(), w.record("acme"), false); !errors.As(err, &busy) {
			t.Error(err)
		}
		if _, awake := w.Awake("acme"); awake {
			t.Error("awake")
		}
		w.settle()
		w.state("acme", catalog.Asleep)
		if got := w.remembered(); len(got) > 0 {
			t.Errorf("the gate remembers %v", got)
		}
	})
}

// Status waits for nothing.
func TestStatus(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		w.driver.take["wake"] = time.Hour
		acme := w.record("acme")
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		w.Ready(gone, acme)
		synctest.Wait()
		began := time.Now()
		if s, err := w.Status(t.Context(), acme); err != nil || !s.Provisioned || s.Running || time.Since(began) != 0 {
			t.Errorf("%+v, %v after %v", s, err, time.Since(began))
		}
	})
}
