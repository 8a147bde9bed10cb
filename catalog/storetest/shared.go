package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"postern/catalog"
)

// Shared is a store that several proxies have in common.
type Shared interface {
	catalog.Store
	Join(ctx context.Context, p catalog.Proxy) (catalog.Proxy, error)
	Renew(ctx context.Context, boot string) error
	Leave(ctx context.Context, boot string) error
	Proxies(ctx context.Context) ([]catalog.Proxy, error)
	Hold(ctx context.Context, boot string, id catalog.TenantID) error
	Drop(ctx context.Context, boot string, id catalog.TenantID) error
	Claim(ctx context.Context, boot string, id catalog.TenantID, change func(*catalog.Tenant) error) (*catalog.Tenant, error)
}

// RunShared runs the suite of a store that proxies share, in the same way as Run.
func RunShared(t *testing.T, newStore func(t *testing.T) Shared) {
	tests := []struct {
		name string
		run  func(t *testing.T, store Shared)
	}{
		{"Numbers", testNumbers},
		{"NumberOfSameProxy", testNumberOfSameProxy},
		{"JoinAtOnce", testJoinAtOnce},
		{"Lapse", testLapse},
		{"Held", testHeld},
		{"Unsettled", testUnsettled},
		{"HoldMeetsSuspend", testHoldMeetsSuspend},
		{"HoldAgainstClaim", testHoldAgainstClaim},
		{"Unheld", testUnheld},
		{"HoldOfNobody", testHoldOfNobody},
		{"SharedCancelled", testSharedCancelled},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, newStore(t))
		})
	}
}

// long is a lease that does not end during a test, and short one that does at once.
const (
	long  = time.Hour
	short = time.Millisecond
)

// join has a proxy join, with its ID for its boot.
func join(t *testing.T, store Shared, id string, lease time.Duration) catalog.Proxy {
	t.Helper()
	p, err := store.Join(t.Context(), catalog.Proxy{ID: id, Boot: id, Address: id + ":6432", Lease: lease})
	if err != nil {
		t.Fatalf("join %s: %v", id, err)
	}
	return p
}

// lapsed waits until only these live.
func lapsed(t *testing.T, store Shared, living ...catalog.Proxy) {
	t.Helper()
	eventually(t, "the others have lapsed", func() bool { return len(proxies(t, store)) == len(living) })
	wantProxies(t, store, living...)
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func proxies(t *testing.T, store Shared) []catalog.Proxy {
	t.Helper()
	living, err := store.Proxies(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return living
}

func wantProxies(t *testing.T, store Shared, want ...catalog.Proxy) {
	t.Helper()
	got := proxies(t, store)
	if len(got) != len(want) {
		t.Fatalf("living proxies %+v, want %+v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("living proxies %+v, want %+v", got, want)
		}
	}
}

func hold(t *testing.T, store Shared, p catalog.Proxy, id catalog.TenantID) {
	t.Helper()
	if err := store.Hold(t.Context(), p.Boot, id); err != nil {
		t.Fatalf("%s holds %s: %v", p.ID, id, err)
	}
}

// claim has a proxy begin to suspend a tenant.
func claim(t *testing.T, store Shared, p catalog.Proxy, id catalog.TenantID) error {
	t.Helper()
	_, err := store.Claim(t.Context(), p.Boot, id, func(c *catalog.Tenant) error {
		c.State, c.Owner, c.Deadline = catalog.Suspending, p.Boot, time.Now().Add(long)
		return nil
	})
	return err
}

func testNumbers(t *testing.T, store Shared) {
	a, b := join(t, store, "a", long), join(t, store, "b", 2*long)
	if a.Number != 0 || b.Number != 1 {
		t.Errorf("numbers %d and %d", a.Number, b.Number)
	}
	wantProxies(t, store, a, b)
	if err := store.Renew(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if err := store.Leave(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	wantProxies(t, store, b)
	wantError(t, "renew after leave", store.Renew(t.Context(), "a"), catalog.ErrLapsed)
	if err := store.Leave(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if c := join(t, store, "c", long); c.Number != 0 {
		t.Errorf("number %d, want the one that was given back", c.Number)
	}
}

// A proxy that starts again keeps its number, and the process before is nobody.
func testNumberOfSameProxy(t *testing.T, store Shared) {
	create(t, store, example("acme"))
	join(t, store, "other", long)
	before := join(t, store, "a", long)
	hold(t, store, before, "acme")
	after, err := store.Join(t.Context(), catalog.Proxy{ID: "a", Boot: "second", Lease: long})
	if err != nil {
		t.Fatal(err)
	}
	if after.Number != before.Number {
		t.Errorf("number %d, before %d", after.Number, before.Number)
	}
	wantError(t, "renew of the process before", store.Renew(t.Context(), "a"), catalog.ErrLapsed)
	wantError(t, "hold of the process before", store.Hold(t.Context(), "a", "acme"), catalog.ErrLapsed)
	wantListed(t, store, catalog.Query{Unheld: true}, "acme")
}

func testJoinAtOnce(t *testing.T, store Shared) {
	var joining sync.WaitGroup
	for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
		joining.Go(func() {
			if _, err := store.Join(t.Context(), catalog.Proxy{ID: id, Boot: id, Lease: long}); err != nil {
				t.Error(err)
			}
		})
	}
	joining.Wait()
	for n, p := range proxies(t, store) {
		if p.Number != uint16(n) {
			t.Errorf("%+v", proxies(t, store))
		}
	}
}

// A lease that has ended can be renewed, by the same boot.
func testLapse(t *testing.T, store Shared) {
	create(t, store, example("acme"))
	a := join(t, store, "a", short)
	hold(t, store, a, "acme")
	lapsed(t, store)
	wantListed(t, store, catalog.Query{Unheld: true}, "acme")
	wantError(t, "claim of one that has lapsed", claim(t, store, a, "acme"), catalog.ErrLapsed)
	if err := store.Renew(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if b := join(t, store, "b", long); b.Number != 1 {
		t.Errorf("another has its number %d", b.Number)
	}
}

func testHeld(t *testing.T, store Shared) {
	create(t, store, example("acme"))
	a := join(t, store, "a", long)
	hold(t, store, a, "acme")
	hold(t, store, a, "acme")
	if err := claim(t, store, a, "acme"); err != nil {
		t.Errorf("claim of what nobody else holds: %v", err)
	}
	wantFiled(t, store, lookup(t, store, "acme"))
	if got := lookup(t, store, "acme"); got.Generation != 1 || got.State != catalog.Suspending || got.Owner != "a" {
		t.Errorf("filed as %s of %s, generation %d", got.State, got.Owner, got.Generation)
	}
	transition(t, store, "acme", func(c *catalog.Tenant) { c.State, c.Owner, c.Deadline = catalog.Awake, "", time.Time{} })

	b := join(t, store, "b", long)
	hold(t, store, b, "acme")
	wantError(t, "claim of what another holds", claim(t, store, a, "acme"), catalog.ErrHeld)
	if got := lookup(t, store, "acme"); got.Generation != 2 || got.State != catalog.Awake {
		t.Errorf("filed as %s, generation %d", got.State, got.Generation)
	}
	if err := store.Drop(t.Context(), "b", "acme"); err != nil {
		t.Error(err)
	}
	if err := store.Drop(t.Context(), "b", "acme"); err != nil {
		t.Errorf("drop of nothing: %v", err)
	}
	wantError(t, "claim of one who has just come", claim(t, store, b, "acme"), catalog.ErrHeld) // a holds
	if err := store.Leave(t.Context(), "b"); err != nil {
		t.Error(err)
	}
	refused := errors.New("refused")
	_, err := store.Claim(t.Context(), "a", "acme", func(*catalog.Tenant) error { return refused })
	if err != refused {
		t.Errorf("error %v, want that of change", err)
	}
	if err := claim(t, store, a, "acme"); err != nil {
		t.Error(err)
	}
}

// Who has just come does not know what others hold that are about to come back.
func testUnsettled(t *testing.T, store Shared) {
	create(t, store, example("acme"))
	gone := join(t, store, "gone", short)
	hold(t, store, gone, "acme")
	lapsed(t, store)
	patient := join(t, store, "patient", long)
	wantError(t, "claim of one who has just come", claim(t, store, patient, "acme"), catalog.ErrUnsettled)
	brief := join(t, store, "brief", 50*time.Millisecond)
	eventually(t, "it is settled after one lease", func() bool {
		if err := store.Renew(t.Context(), "brief"); err != nil {
			t.Fatal(err)
		}
		return claim(t, store, brief, "acme") == nil
	})
	wantError(t, "claim of one who has just come", claim(t, store, patient, "acme"), catalog.ErrUnsettled)
}

// A hold that meets a suspend tells of it, and stands.
func testHoldMeetsSuspend(t *testing.T, store Shared) {
	create(t, store, example("acme"))
	a := join(t, store, "a", long)
	hold(t, store, a, "acme")
	if err := claim(t, store, a, "acme"); err != nil {
		t.Fatal(err)
	}
	b := join(t, store, "b", long)
	hold(t, store, a, "acme") // one's own is no obstacle
	wantError(t, "hold of what is being suspended", store.Hold(t.Context(), "b", "acme"), catalog.ErrSuspending)
	wantError(t, "claim of what another holds", claim(t, store, a, "acme"), catalog.ErrHeld)
	transition(t, store, "acme", func(c *catalog.Tenant) { c.Deadline = time.Now().Add(-long) })
	hold(t, store, b, "acme") // past its deadline
	transition(t, store, "acme", func(c *catalog.Tenant) { c.Deadline = time.Now().Add(long) })
	wantError(t, "hold of what is being suspended", store.Hold(t.Context(), "b", "acme"), catalog.ErrSuspending)
	if err := store.Leave(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	hold(t, store, b, "acme") // its owner is gone
}

// Of a hold and a claim that come at once, one always sees the other.
func testHoldAgainstClaim(t *testing.T, store Shared) {
	create(t, store, example("acme"))
	a, b := join(t, store, "a", 200*time.Millisecond), join(t, store, "b", long)
	renew := func() {
		if err := store.Renew(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "a is settled", func() bool { renew(); return claim(t, store, a, "acme") == nil })
	for range 50 {
		transition(t, store, "acme", func(c *catalog.Tenant) { c.State, c.Owner, c.Deadline = catalog.Awake, "", time.Time{} })
		if err := store.Drop(t.Context(), "b", "acme"); err != nil {
			t.Fatal(err)
		}
		renew()
		var held, claimed error
		var both sync.WaitGroup
		both.Go(func() { held = store.Hold(t.Context(), b.Boot, "acme") })
		both.Go(func() { claimed = claim(t, store, a, "acme") })
		both.Wait()
		switch {
		case claimed == nil && !errors.Is(held, catalog.ErrSuspending):
			t.Errorf("claimed, and the hold says %v", held)
		case claimed != nil && held != nil:
			t.Errorf("the claim says %v, and the hold %v", claimed, held)
		}
	}
}

func testUnheld(t *testing.T, store Shared) {
	a, gone := join(t, store, "a", long), join(t, store, "gone", short)
	for _, id := range []catalog.TenantID{"both", "free", "held", "lapsed", "late", "owned", "orphan"} {
		create(t, store, example(id))
		transition(t, store, id, func(c *catalog.Tenant) { c.State, c.Owner, c.Deadline = catalog.Awake, "", time.Time{} })
	}
	hold(t, store, a, "held")
	hold(t, store, a, "both")
	for _, id := range []catalog.TenantID{"both", "lapsed"} {
		err := store.Hold(t.Context(), gone.Boot, id)
		if err != nil {
			t.Fatal(err)
		}
	}
	own := func(id catalog.TenantID, owner string, until time.Duration) {
		transition(t, store, id, func(c *catalog.Tenant) { c.Owner, c.Deadline = owner, time.Now().Add(until) })
	}
	own("owned", "a", long)
	own("late", "a", -long)
	own("orphan", "gone", long)
	lapsed(t, store, a)
	wantListed(t, store, catalog.Query{Unheld: true}, "free", "lapsed", "late", "orphan")
	wantListed(t, store, catalog.Query{Unheld: true, After: "free", Limit: 2}, "lapsed", "late")
	wantListed(t, store, catalog.Query{}, "both", "free", "held", "lapsed", "late", "orphan", "owned")
	if err := store.Purge(t.Context(), "held"); err != nil { // with its holds
		t.Fatal(err)
	}
	create(t, store, &catalog.Tenant{ID: "held"})
	wantListed(t, store, catalog.Query{Unheld: true, Limit: 2}, "free", "held")
}

func testHoldOfNobody(t *testing.T, store Shared) {
	join(t, store, "a", long)
	wantError(t, "hold of no tenant", store.Hold(t.Context(), "a", "acme"), catalog.ErrNotFound)
	_, err := store.Claim(t.Context(), "a", "acme", func(*catalog.Tenant) error { return nil })
	wantError(t, "claim of no tenant", err, catalog.ErrNotFound)
	create(t, store, example("acme"))
	wantError(t, "hold by nobody", store.Hold(t.Context(), "nobody", "acme"), catalog.ErrLapsed)
	_, err = store.Claim(t.Context(), "nobody", "acme", func(*catalog.Tenant) error { return nil })
	wantError(t, "claim by nobody", err, catalog.ErrLapsed)
}

func testSharedCancelled(t *testing.T, store Shared) {
	create(t, store, example("acme"))
	join(t, store, "a", long)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func() error{
		"Join":    func() error { _, err := store.Join(ctx, catalog.Proxy{ID: "b", Boot: "b", Lease: long}); return err },
		"Renew":   func() error { return store.Renew(ctx, "a") },
		"Leave":   func() error { return store.Leave(ctx, "a") },
		"Proxies": func() error { _, err := store.Proxies(ctx); return err },
		"Hold":    func() error { return store.Hold(ctx, "a", "acme") },
		"Drop":    func() error { return store.Drop(ctx, "a", "acme") },
		"Claim": func() error {
			_, err := store.Claim(ctx, "a", "acme", func(*catalog.Tenant) error { return nil })
			return err
		},
	} {
		wantError(t, name, call(), context.Canceled)
	}
}
