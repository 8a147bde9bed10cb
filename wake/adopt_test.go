package wake

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"postern/catalog"
)

// After a restart every state that something may have been left behind in is put
// straight, by what really runs.
func TestD13Adopt(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		states := []catalog.State{
			catalog.Provisioning, catalog.Asleep, catalog.Waking, catalog.Awake, catalog.Frozen,
			catalog.Suspending, catalog.Paused, catalog.Failed, catalog.Deleting,
		}
		id := func(state catalog.State, runs bool) catalog.TenantID {
			return catalog.TenantID(fmt.Sprintf("%s-%v", state, runs))
		}
		runs := make(map[catalog.TenantID]string)
		for _, state := range states {
			for _, running := range []bool{true, false} {
				tenant := w.tenant(id(state, running), state)
				w.store.Store.Transition(t.Context(), tenant.ID, func(t *catalog.Tenant) error {
					t.Owner, t.Deadline = "proxy-of-old", time.Now()
					return nil
				})
				if running {
					w.driver.make(tenant.ID)
					if _, err := w.driver.Wake(t.Context(), tenant); err != nil {
						t.Fatal(err)
					}
					runs[tenant.ID] = w.driver.run(tenant.ID)
				}
			}
		}
		before := w.driver.runs
		w.driver.called()
		if err := w.Adopt(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.settle()
		if w.driver.runs != before {
			t.Error("something was started")
		}
		for _, state := range states {
			for _, running := range []bool{true, false} {
				id := id(state, running)
				want := state
				if state == catalog.Provisioning && running { // it was killed before it could say so
					want = catalog.Awake
				}
				unsettled := state == catalog.Waking || state == catalog.Awake || state == catalog.Frozen || state == catalog.Suspending
				if unsettled {
					want = map[bool]catalog.State{true: catalog.Awake, false: catalog.Asleep}[running]
					w.state(id, want)
				}
				if got := w.record(id).State; got != want {
					t.Errorf("%s is filed as %s, want %s", id, got, want)
				}
				if e, awake := w.Awake(id); awake != (want == catalog.Awake) || awake && e.Run != runs[id] {
					t.Errorf("%s: awake %v in run %q", id, awake, e.Run)
				}
			}
		}
		if got := w.driver.called(); got != "wake provisioning-true, wake awake-true, wake waking-true, wake suspending-true, wake frozen-true" {
			t.Errorf("calls: %s", got)
		}
	})
}

// There may be more tenants than one page of a list.
func TestAdoptMany(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		const many = 350
		for n := range many {
			id := catalog.TenantID(fmt.Sprintf("t%03d", n))
			tenant := w.tenant(id, catalog.Awake)
			if n%2 == 0 {
				w.driver.Wake(t.Context(), tenant)
			}
		}
		if err := w.Adopt(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.settle()
		for n := range many {
			id := catalog.TenantID(fmt.Sprintf("t%03d", n))
			w.state(id, map[bool]catalog.State{true: catalog.Awake, false: catalog.Asleep}[n%2 == 0])
		}
	})
}

// One tenant that cannot be looked at does not keep the others from it.
func TestAdoptSkips(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		w.tenant("a", catalog.Awake)
		w.tenant("b", catalog.Awake)
		w.store.Create(t.Context(), &catalog.Tenant{ID: "c", State: catalog.Awake, Driver: "tape"})
		w.driver.failNext("status", errors.New("broken"))
		if err := w.Adopt(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.state("a", catalog.Awake)
		w.state("b", catalog.Asleep)
		w.state("c", catalog.Awake)

		w.driver.capabilities.Suspend = false // then what is filed is all there is
		w.tenant("d", catalog.Awake)
		if err := w.Adopt(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.state("d", catalog.Awake)
	})
}

func TestAdoptWithoutCatalog(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		w.store.Fail(catalog.ErrUnavailable)
		if err := w.Adopt(t.Context()); !errors.Is(err, catalog.ErrUnavailable) {
			t.Error(err)
		}
		w.store.Fail(nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.Adopt(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// A client may be faster: what it has woken meanwhile is not filed as asleep, nor
// is what an operator has done undone.
func TestAdoptBesideClients(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world) {
		w.tenant("a-client", catalog.Awake)
		w.tenant("an-operator", catalog.Awake)
		w.store.take = 100 * time.Millisecond
		adopted := make(chan error)
		go func() { adopted <- w.Adopt(t.Context()) }()
		synctest.Wait() // it has seen that a-client does not run, and is about to file that
		w.store.take = 0
		w.rouse("a-client")
		w.store.Store.Transition(t.Context(), "an-operator", func(t *catalog.Tenant) error {
			t.State = catalog.Paused
			return nil
		})
		synctest.Wait()
		w.state("a-client", catalog.Awake)
		if err := <-adopted; err != nil {
			t.Fatal(err)
		}
		w.settle()
		w.state("a-client", catalog.Awake)
		w.state("an-operator", catalog.Paused)
	})
}
