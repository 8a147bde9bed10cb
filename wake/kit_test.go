package wake

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/catalog"
	"postern/catalog/memstore"
)

// slowStore is a memstore whose transitions take a while and are noted.
type slowStore struct {
	*memstore.Store
	take time.Duration

	mu      sync.Mutex
	history map[catalog.TenantID][]string // under mu: the states, as they were filed
}

func (s *slowStore) Transition(ctx context.Context, id catalog.TenantID, change func(*catalog.Tenant) error) (*catalog.Tenant, error) {
	if s.take > 0 {
		time.Sleep(s.take)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.Store.Transition(ctx, id, change)
	if err == nil {
		s.history[id] = append(s.history[id], string(t.State))
	}
	return t, err
}

// Claim is what the proxies of a fleet have for Transition.
func (s *slowStore) Claim(ctx context.Context, boot string, id catalog.TenantID, change func(*catalog.Tenant) error) (*catalog.Tenant, error) {
	if s.take > 0 {
		time.Sleep(s.take)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.Store.Claim(ctx, boot, id, change)
	if err == nil {
		s.history[id] = append(s.history[id], string(t.State))
	}
	return t, err
}

// filed lists the states that were filed since it was last asked.
func (s *slowStore) filed(id catalog.TenantID) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := strings.Join(s.history[id], ", ")
	delete(s.history, id)
	return states
}

// world is a Gate with what it needs, in a bubble where time is faked.
type world struct {
	*Gate
	t      *testing.T
	store  *slowStore
	driver *instances
}

// bubble runs test in a world with the tenant "acme", which is asleep. It fails if
// a goroutine is left.
func bubble(t *testing.T, change func(*GateConfig), test func(*testing.T, *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, change)
		w.tenant("acme", catalog.Asleep)
		defer w.Close()
		test(t, w)
	})
}

func newWorld(t *testing.T, change func(*GateConfig)) *world {
	w := &world{t: t, driver: newInstances(t), store: &slowStore{Store: memstore.New(), history: make(map[catalog.TenantID][]string)}}
	config := GateConfig{
		Store: w.store, Drivers: map[string]Driver{"memory": w.driver}, Owner: "proxy-1",
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	if change != nil {
		change(&config)
	}
	w.Gate = NewGate(config)
	return w
}

// tenant files a tenant; one that is not being made has an instance.
func (w *world) tenant(id catalog.TenantID, state catalog.State) *catalog.Tenant {
	w.t.Helper()
	t, err := w.store.Create(w.t.Context(), &catalog.Tenant{ID: id, State: state, Driver: "memory"})
	if err != nil {
		w.t.Fatal(err)
	}
	if state != catalog.Provisioning {
		w.driver.make(id)
	}
	return t
}

// record reads a tenant's record.
func (w *world) record(id catalog.TenantID) *catalog.Tenant {
	w.t.Helper()
	t, err := w.store.Store.Lookup(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

// rouse wakes a tenant, which must work.
func (w *world) rouse(id catalog.TenantID) Endpoint {
	w.t.Helper()
	e, err := w.Ready(w.t.Context(), w.record(id))
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// settle waits until nothing is under way any more, short of timers.
func (w *world) settle() { time.Sleep(time.Second); synctest.Wait() }

// state checks the state that is filed.
func (w *world) state(id catalog.TenantID, want catalog.State) {
	w.t.Helper()
	synctest.Wait()
	if got := w.record(id); got.State != want || got.Owner != "" || !got.Deadline.IsZero() {
		w.t.Errorf("%s is filed as %s, owner %q, deadline %v; want %s", id, got.State, got.Owner, got.Deadline, want)
	}
}

// remembered lists the tenants that the gate keeps an entry for.
func (w *world) remembered() []catalog.TenantID {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.entries))
}

// unready checks that err is an *UnreadyError.
func unready(t *testing.T, err error, phase string) *UnreadyError {
	t.Helper()
	var u *UnreadyError
	if !errors.As(err, &u) || u.Phase != phase {
		t.Fatalf("error %v, want one of phase %q", err, phase)
	}
	return u
}
