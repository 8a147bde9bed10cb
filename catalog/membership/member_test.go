package membership

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/catalog"
	"postern/catalog/memstore"
)

const lease = 15 * time.Second

// offBeat is added so that what a test does next does not fall together with a
// renewal.
const offBeat = time.Second

// world is a catalog with the tenants acme and beta, in a bubble where time is faked.
type world struct {
	*memstore.Store
	t *testing.T
}

func bubble(t *testing.T, test func(*testing.T, *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{memstore.New(), t}
		for _, id := range []catalog.TenantID{"acme", "beta"} {
			if _, err := w.Create(t.Context(), &catalog.Tenant{ID: id, State: catalog.Awake}); err != nil {
				t.Fatal(err)
			}
		}
		test(t, w)
	})
}

// join has a proxy join and run; stop ends it as kill -9 does.
func (w *world) join(id string) (m *Member, stop func()) {
	w.t.Helper()
	m, err := Join(w.t.Context(), Config{Store: w, ID: id, Address: id + ":6432", Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	var running sync.WaitGroup
	running.Go(func() { m.Run(ctx) })
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	w.t.Cleanup(stop)
	return m, stop
}

// live checks which proxies live, by their addresses.
func (w *world) live(want ...string) {
	w.t.Helper()
	synctest.Wait()
	proxies, err := w.Proxies(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var got []string
	for _, p := range proxies {
		got = append(got, p.Address)
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("alive are %v, want %v", got, want)
	}
}

// unheld checks which tenants nobody holds.
func (w *world) unheld(want ...catalog.TenantID) {
	w.t.Helper()
	synctest.Wait()
	tenants, err := w.List(w.t.Context(), catalog.Query{Unheld: true})
	if err != nil {
		w.t.Fatal(err)
	}
	var got []catalog.TenantID
	for _, t := range tenants {
		got = append(got, t.ID)
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("unheld are %v, want %v", got, want)
	}
}

func (w *world) hold(m *Member, id catalog.TenantID) {
	w.t.Helper()
	if err := m.Hold(w.t.Context(), id); err != nil {
		w.t.Errorf("hold %s: %v", id, err)
	}
}

// claim begins to suspend the tenant.
func (w *world) claim(m *Member, id catalog.TenantID, want error) {
	w.t.Helper()
	_, err := m.Claim(w.t.Context(), id, func(t *catalog.Tenant) error {
		t.State, t.Owner, t.Deadline = catalog.Suspending, m.Boot(), time.Now().Add(time.Minute)
		return nil
	})
	if !errors.Is(err, want) {
		w.t.Errorf("claim %s: %v, want %v", id, err, want)
	}
}

func TestLeaseIsRenewed(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, stop := w.join("a")
		b, _ := w.join("b")
		if a.Number() != 0 || b.Number() != 1 {
			t.Errorf("numbers %d and %d", a.Number(), b.Number())
		}
		w.hold(a, "acme")
		time.Sleep(time.Hour + offBeat)
		w.live("a:6432", "b:6432")
		w.unheld("beta")
		stop()
		time.Sleep(2 * lease / 3)
		w.live("a:6432", "b:6432")
		time.Sleep(lease / 3)
		w.live("b:6432")
		w.unheld("acme", "beta")
		if err := b.Leave(t.Context()); err != nil {
			t.Error(err)
		}
		w.live()
	})
}

// A proxy that comes back soon has its number and its holds, another that comes back
// late has a new one.
func TestAway(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, _ := w.join("a")
		w.hold(a, "acme")
		w.Fail(catalog.ErrUnavailable)
		time.Sleep(10*time.Minute + offBeat)
		w.Fail(nil)
		w.live()
		time.Sleep(lease / 3)
		w.live("a:6432")
		w.unheld("beta")

		w.Fail(catalog.ErrUnavailable)
		time.Sleep(2 * catalog.KeepLapsed)
		w.Fail(nil)
		w.join("b") // which sweeps up
		time.Sleep(lease / 3)
		w.live("b:6432", "a:6432")
		w.unheld("beta")
		if a.Number() != 1 {
			t.Errorf("number %d", a.Number())
		}
	})
}

// Two processes with one ID, as of a machine and its copy, do not drive each other
// out for ever.
func TestSameID(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		first, _ := w.join("a")
		w.hold(first, "acme")
		second, _ := w.join("a")
		if first.Boot() == second.Boot() || second.Number() != 0 {
			t.Errorf("boots %s and %s, number %d", first.Boot(), second.Boot(), second.Number())
		}
		time.Sleep(lease)
		w.live("a:6432", "a:6432")
		if first.Number() != 1 || second.Number() != 0 {
			t.Errorf("numbers %d and %d", first.Number(), second.Number())
		}
		w.unheld("beta")
		time.Sleep(time.Hour)
		if first.Number() != 1 || second.Number() != 0 {
			t.Errorf("numbers %d and %d", first.Number(), second.Number())
		}
	})
}

// Without the catalog tenants are woken, and it hears of that when it is back.
func TestHoldWithoutCatalog(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, _ := w.join("a")
		w.hold(a, "beta")
		w.Fail(catalog.ErrUnavailable)
		began := time.Now()
		w.hold(a, "acme")
		a.Drop(t.Context(), "beta")
		w.claim(a, "acme", catalog.ErrUnavailable)
		if took := time.Since(began); took > 0 {
			t.Errorf("took %v", took)
		}
		time.Sleep(lease + offBeat)
		w.Fail(nil)
		w.unheld("acme", "beta")
		time.Sleep(lease / 3)
		w.unheld("beta")
		a.Drop(t.Context(), "acme")
		w.unheld("acme", "beta")
		if len(a.holds) > 0 {
			t.Errorf("the member remembers %v", a.holds)
		}
	})
}

// hanging is a store that does not answer holds.
type hanging struct{ *memstore.Store }

func (hanging) Hold(ctx context.Context, _ string, _ catalog.TenantID) error {
	<-ctx.Done()
	return ctx.Err()
}

// A catalog that hangs delays one wake by a second, and those after it not at all.
func TestHoldWhileCatalogHangs(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, err := Join(t.Context(), Config{Store: hanging{w.Store}, ID: "a", Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []time.Duration{patience, 0} {
			began := time.Now()
			if err := a.Hold(t.Context(), "acme"); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took != want {
				t.Errorf("took %v, want %v", took, want)
			}
		}
		if unfiled := a.unfiled(); len(unfiled) != 1 {
			t.Errorf("unfiled: %v", unfiled)
		}
	})
}

// A hold that meets a suspend by another proxy waits for its end.
func TestHoldWaitsForSuspend(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, stop := w.join("a")
		b, _ := w.join("b")
		time.Sleep(lease)
		w.hold(a, "acme")
		w.claim(a, "acme", nil)
		held := make(chan error, 1)
		go func() { held <- b.Hold(t.Context(), "acme") }()
		time.Sleep(10 * time.Second)
		select {
		case err := <-held:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
		if _, err := w.Transition(t.Context(), "acme", func(t *catalog.Tenant) error { t.State = catalog.Asleep; return nil }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lastPause)
		if err := <-held; err != nil {
			t.Error(err)
		}
		w.claim(a, "acme", catalog.ErrHeld)

		// It does not wait for one who is gone, and no longer than its caller does.
		b.Drop(t.Context(), "acme")
		w.claim(a, "acme", nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Hold(ctx, "acme"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		stop()
		began := time.Now()
		w.hold(b, "acme")
		if took := time.Since(began); took > lease {
			t.Errorf("it has waited for %v", took)
		}
	})
}

// After the catalog is back nobody suspends for one lease: others may not have told
// yet what they use.
func TestNobodySuspendsAfterReturn(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, _ := w.join("a")
		b, _ := w.join("b")
		time.Sleep(lease)
		w.Fail(catalog.ErrUnavailable)
		time.Sleep(time.Minute + offBeat)
		w.hold(b, "acme")
		w.Fail(nil)
		time.Sleep(lease / 3) // both are back
		w.live("a:6432", "b:6432")
		w.claim(a, "beta", catalog.ErrUnsettled)
		w.claim(a, "acme", catalog.ErrHeld)
		time.Sleep(lease)
		w.claim(a, "beta", nil)
		w.claim(a, "acme", catalog.ErrHeld)
	})
}

func TestProxies(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, _ := w.join("a")
		count := func(want int) {
			t.Helper()
			if got := a.Proxies(t.Context()); len(got) != want {
				t.Errorf("%d proxies, want %d", len(got), want)
			}
		}
		count(1)
		w.join("b")
		count(1)
		time.Sleep(maxListAge)
		count(2)
		w.Fail(catalog.ErrUnavailable)
		time.Sleep(time.Hour)
		count(2)
		w.Fail(nil)
		time.Sleep(lease)
		count(2)
	})
}
