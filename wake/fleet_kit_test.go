package wake

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postern/catalog"
	"postern/catalog/membership"
	"postern/catalog/memstore"
)

// locked is a driver that serves several proxies, as the process driver does with its
// lock files: who comes second waits.
type locked struct {
	*instances
	mu    sync.Mutex
	locks map[catalog.TenantID]chan struct{} // under mu
}

func (d *locked) lock(id catalog.TenantID) (unlock func()) {
	d.mu.Lock()
	if d.locks[id] == nil {
		d.locks[id] = make(chan struct{}, 1)
	}
	lock := d.locks[id]
	d.mu.Unlock()
	lock <- struct{}{}
	return func() { <-lock }
}

func (d *locked) Provision(ctx context.Context, t *catalog.Tenant) error {
	defer d.lock(t.ID)()
	return d.instances.Provision(ctx, t)
}

func (d *locked) Wake(ctx context.Context, t *catalog.Tenant) (Endpoint, error) {
	defer d.lock(t.ID)()
	return d.instances.Wake(ctx, t)
}

func (d *locked) Suspend(ctx context.Context, t *catalog.Tenant, s Suspension) error {
	defer d.lock(t.ID)()
	return d.instances.Suspend(ctx, t, s)
}

func (d *locked) Freeze(ctx context.Context, t *catalog.Tenant, f Freezing) error {
	defer d.lock(t.ID)()
	return d.instances.Freeze(ctx, t, f)
}

func (d *locked) Thaw(ctx context.Context, t *catalog.Tenant) error {
	defer d.lock(t.ID)()
	return d.instances.Thaw(ctx, t)
}

func (d *locked) Destroy(ctx context.Context, t *catalog.Tenant, purge bool) error {
	defer d.lock(t.ID)()
	return d.instances.Destroy(ctx, t, purge)
}

func (d *locked) Restore(ctx context.Context, t *catalog.Tenant) error {
	defer d.lock(t.ID)()
	return d.instances.Restore(ctx, t)
}

// fleet is several proxies on one catalog, in a bubble where time is faked.
type fleet struct {
	*world  // whose Gate is nil
	locked  *locked
	proxies []*member
	timeout time.Duration
	// freezeAfter is that of all proxies that join.
	freezeAfter time.Duration
	frozen      atomic.Int64 // how often something was frozen
}

// member is one proxy of a fleet.
type member struct {
	*world
	*membership.Member
	clients   *clients
	suspender *Suspender
	dead      bool
	kill      func() // as kill -9 does
}

const lease = membership.DefaultLease

// proxies runs test in a fleet of two with the tenant acme, which is asleep.
func proxies(t *testing.T, test func(t *testing.T, f *fleet, a, b *member)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, time.Minute)
		defer f.close()
		f.tenant("acme", catalog.Asleep)
		a, b := f.join(), f.join()
		time.Sleep(lease)
		test(t, f, a, b)
	})
}

func newFleet(t *testing.T, timeout time.Duration) *fleet {
	f := &fleet{timeout: timeout, world: &world{
		t: t, driver: newInstances(t),
		store: &slowStore{Store: memstore.New(), history: make(map[catalog.TenantID][]string)},
	}}
	f.locked = &locked{instances: f.driver, locks: make(map[catalog.TenantID]chan struct{})}
	f.driver.enclose, f.driver.freezing = f.stopping, f.freezing
	return f
}

// join adds a proxy.
func (f *fleet) join() *member {
	f.t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	joined, err := membership.Join(f.t.Context(), membership.Config{
		Store: f.store, ID: fmt.Sprint("proxy-", len(f.proxies)), Log: log,
	})
	if err != nil {
		f.t.Fatal(err)
	}
	p := &member{Member: joined}
	gate := NewGate(GateConfig{
		Store: f.store, Drivers: map[string]Driver{"memory": f.locked}, Fleet: joined, Owner: joined.Boot(), Log: log,
		Release: func(ctx context.Context, id catalog.TenantID, force bool) error {
			return p.clients.release(ctx, id, force)
		},
		ReleaseIdle: func(ctx context.Context, t *catalog.Tenant, since time.Time) error {
			return p.clients.releaseIdle(ctx, t, since)
		},
		Freeze: func(t *catalog.Tenant, since time.Time) ([]uint32, error) { return p.clients.freeze(t, since) },
		Thaw:   func(t *catalog.Tenant) { p.clients.lendAgain(t.ID) },
		Moved: func(t *catalog.Tenant, awake bool) {
			p.clients.moved(t, awake)
			p.suspender.Moved(t, awake)
		},
	})
	p.world = &world{Gate: gate, t: f.t, store: f.store, driver: f.driver}
	p.clients = newClients(p.world)
	p.clients.gate, p.clients.least = gate, f.timeout
	p.suspender = NewSuspender(SuspenderConfig{Gate: gate, Clients: p.clients, Settings: SuspenderSettings{IdleTimeout: f.timeout, FreezeAfter: f.freezeAfter}, Log: log})
	ctx, cancel := context.WithCancel(f.t.Context())
	var running sync.WaitGroup
	running.Go(func() { joined.Run(ctx) })
	running.Go(func() { p.suspender.Run(ctx) })
	running.Go(func() {
		for ; ctx.Err() == nil; sleep(ctx, lease) {
			_ = gate.Adopt(ctx)
		}
	})
	p.kill = sync.OnceFunc(func() {
		p.clients.mu.Lock()
		p.dead = true
		p.clients.mu.Unlock()
		cancel()
		gate.Close()
		running.Wait()
	})
	f.proxies = append(f.proxies, p)
	return p
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func (f *fleet) close() {
	for _, p := range f.proxies {
		p.kill()
	}
}

// stopping is called when an instance is to stop: no proxy may use it.
func (f *fleet) stopping(id catalog.TenantID, stop func()) {
	for _, p := range f.proxies {
		p.clients.mu.Lock()
		defer p.clients.mu.Unlock()
		c := p.clients.of(id)
		if !p.dead && c.working+c.alone+c.idle > 0 {
			f.t.Errorf("%s is suspended though %s uses it: %+v", id, p.Boot(), c)
		}
	}
	stop()
}

// freezing is called when an instance is frozen: no proxy may use it, but what one
// keeps back.
func (f *fleet) freezing(id catalog.TenantID) {
	for _, p := range f.proxies {
		p.clients.mu.Lock()
		c := p.clients.of(id)
		if !p.dead && (c.working+c.alone > 0 || c.idle > 0 && !c.frozen) {
			f.t.Errorf("%s is frozen though %s uses it: %+v", id, p.Boot(), c)
		}
		p.clients.mu.Unlock()
	}
	f.frozen.Add(1)
}

// works has a client of p work for so long, in the background; done is closed then.
func (p *member) works(d time.Duration) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		if err := p.clients.transact(context.Background(), p.record("acme"), d, false); err != nil {
			p.t.Errorf("a client was told: %v", err)
		}
	}()
	synctest.Wait()
	return done
}

// runs checks whether acme runs.
func (f *fleet) runs(want bool) {
	f.t.Helper()
	synctest.Wait()
	if got := f.driver.run("acme") != ""; got != want {
		f.t.Errorf("it runs: %v, want %v", got, want)
	}
}
