package pool

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// storm is clients who come, hold, fail and leave at random.
type storm struct {
	t      *testing.T
	group  *Group
	config Config
	peers  *peers
	// pause waits for some multiple of n of the shortest time there is.
	pause func(n int)
	// unit is that time, for deadlines.
	unit time.Duration

	mu     sync.Mutex
	random *rand.Rand       // under mu
	held   map[*Server]bool // under mu
	count  map[string]int   // under mu: how often what came about
	keys   []Key
	watch  bool // some are watched, and inspected now and then
}

var errStorm = errors.New("bad weather")

func (s *storm) roll(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.IntN(n)
}

func (s *storm) counted(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count[what]++
}

func (s *storm) connect(ctx context.Context) (*Server, error) {
	s.pause(s.roll(4))
	switch s.roll(12) {
	case 0:
		return nil, errStorm
	case 1:
		return nil, &RefusedError{Code: "53300"}
	}
	if ctx.Err() != nil && s.roll(2) == 0 {
		return nil, ctx.Err()
	}
	return s.peers.connect(ctx)
}

func (s *storm) client(turns int) {
	for range turns {
		key := s.keys[s.roll(len(s.keys))]
		ctx, cancel := context.WithCancelCause(context.Background())
		timer := time.AfterFunc(time.Duration(s.roll(12))*s.unit, func() { cancel(errLeft) })
		lease, err := s.ask(ctx, key)
		audit(s.t, s.group)
		var refused *RefusedError
		switch {
		case err == nil:
			s.counted("lent")
			s.hold(lease)
		case errors.Is(err, errLeft):
			s.counted("left")
		case errors.Is(err, errStorm):
			s.counted("failed")
		case errors.As(err, &refused):
			s.counted("refused")
		default:
			s.t.Errorf("Acquire: %v", err)
		}
		timer.Stop()
		cancel(nil)
		switch s.roll(60) {
		case 0:
			s.group.CloseTenant(key.Tenant, "test")
		case 1:
			s.group.CloseRole(key.Tenant, key.Role)
		case 2:
			s.group.Pause(key.Tenant)
			s.pause(s.roll(4))
			s.group.Resume(key.Tenant)
		case 3:
			s.group.Reconfigure(s.config)
		}
		s.pause(s.roll(3))
	}
}

func (s *storm) hold(lease *Lease) {
	server := lease.Server
	if lease.Idle() {
		s.t.Error("what is lent is idle")
	}
	s.mu.Lock()
	if s.held[server] {
		s.t.Error("one server connection is lent to two")
	}
	s.held[server] = true
	s.mu.Unlock()
	s.pause(s.roll(4))
	clean := s.roll(8) > 0
	if s.roll(10) == 0 { // the server ends it, now or when it is idle
		s.peers.far(server).Close()
	}
	server.Affinity = s.roll(3)
	server.Watched = s.watch && s.roll(2) == 0
	s.mu.Lock()
	delete(s.held, server)
	s.mu.Unlock()
	if s.roll(10) == 0 {
		lease.ReleaseUnused()
	} else {
		lease.Release(clean)
	}
	if s.watch && s.roll(3) == 0 {
		lease.Inspect()
	}
}

// ask gets a connection in one of the ways there are.
func (s *storm) ask(ctx context.Context, key Key) (*Lease, error) {
	switch s.roll(3) {
	case 0:
		return s.group.Acquire(ctx, key, s.connect)
	case 1:
		if lease, ok := s.group.TryAcquireAlike(key, s.roll(3)); ok {
			return lease, nil
		}
	}
	w := &wait{served: make(chan struct{})}
	s.group.Enqueue(&w.request, key, s.connect, w.serve)
	select {
	case <-w.served:
	case <-ctx.Done():
		if w.request.Cancel() {
			return nil, context.Cause(ctx)
		}
		<-w.served
	}
	return w.lease, w.err
}

// audit checks that what a Group counts is what it has, within its bounds.
func audit(t *testing.T, g *Group) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	config := g.config
	var all tenant
	for id, tenant := range g.tenants {
		var sum struct{ idle, lent, connecting, hungry int }
		for p := range tenant.pools {
			if p.size() > config.Size {
				t.Errorf("a pool has %d server connections", p.size())
			}
			if p.connecting > config.ConnectAtOnce {
				t.Errorf("a pool has %d dials", p.connecting)
			}
			if p.paused() && (len(p.idle) > 0 || p.hungry) {
				t.Errorf("a paused pool has %d idle ones", len(p.idle))
			}
			if len(p.idle) > 0 && p.waiting.length > 0 {
				t.Error("somebody waits beside an idle one")
			}
			if len(p.all) != len(p.idle)+p.lent || g.pools[p.key] != p {
				t.Errorf("a pool has %d connections, %d idle and %d lent ones", len(p.all), len(p.idle), p.lent)
			}
			if p.hungry != slices.Contains(tenant.hungry, p) || p.hungry && p.waiting.length <= p.connecting {
				t.Errorf("a pool is hungry (%v) with %d dials and %d who wait", p.hungry, p.connecting, p.waiting.length)
			}
			if !slices.IsSortedFunc(p.idle, func(a, b *connection) int { return a.since.Compare(b.since) }) {
				t.Error("idle ones are out of order")
			}
			sum.idle += len(p.idle)
			sum.lent += p.lent
			sum.connecting += p.connecting
			if p.hungry {
				sum.hungry++
			}
		}
		if tenant.idle != sum.idle || tenant.lent != sum.lent || len(tenant.hungry) != sum.hungry ||
			tenant.size != sum.idle+sum.lent+sum.connecting+tenant.closing || tenant.id != id {
			t.Errorf("a tenant counts %+v, and has %+v", tenant, sum)
		}
		if limit := config.MaxTenantConnections; limit > 0 && tenant.size > limit {
			t.Errorf("a tenant has %d", tenant.size)
		}
		if listed := tenant.rank > 0; listed != (len(tenant.hungry) > 0 && !tenant.full()) || listed && g.hungry[tenant.rank-1] != tenant {
			t.Errorf("a tenant with %d hungry pools has rank %d", len(tenant.hungry), tenant.rank)
		}
		if i := tenant.rank - 1; i > 0 && g.hungry.Less(i, (i-1)/2) {
			t.Error("the hungry are out of order")
		}
		all.size += tenant.size
		all.idle += tenant.idle
		all.closing += tenant.closing
	}
	if g.size != all.size || g.idle != all.idle || g.closing != all.closing {
		t.Errorf("the Group counts %d, %d, %d; and has %+v", g.size, g.idle, g.closing, all)
	}
	if limit := config.MaxConnections; limit > 0 && g.size > limit {
		t.Errorf("all have %d", g.size)
	}
	if n := len(g.hungry); n > 0 && (config.MaxConnections == 0 || g.size < config.MaxConnections) {
		t.Errorf("%d are hungry with %d connections", n, g.size)
	}
	if len(g.hungry) > g.closing && g.idle > 0 {
		t.Errorf("%d are hungry, %d are being closed, and %d are idle", len(g.hungry), g.closing, g.idle)
	}
}

func (s *storm) run(clients, turns int) {
	var all sync.WaitGroup
	for range clients {
		all.Go(func() { s.client(turns) })
	}
	all.Wait()
	for _, p := range s.group.Stats() {
		if p.Lent > 0 || p.Waiting > 0 {
			s.t.Errorf("at the end: %+v", p)
		}
	}
	audit(s.t, s.group)
	s.group.Close()
	time.Sleep(s.peers.courtesy)
	if n := s.peers.open(); n > 0 {
		s.t.Errorf("%d server connections are open at the end", n)
	}
	if n := len(s.group.timetable.deadlines) + len(s.group.pools) + len(s.group.tenants); n > 0 {
		s.t.Errorf("%d deadlines, pools and tenants are left", n)
	}
	s.t.Logf("%v, %d server connections made", s.count, len(s.peers.servers))
}

// newStorm is one over sockets, or over pipes with bounds for all.
func newStorm(t *testing.T, seed uint64, bounds bool) *storm {
	t.Logf("seed %d", seed)
	config := Config{Size: 3, ConnectAtOnce: 2, IdleTimeout: 3 * time.Millisecond, Lifetime: 20 * time.Millisecond}
	if bounds {
		config.MaxConnections, config.MaxTenantConnections = 5, 4
		config.Weight = func(tenant string) int { return len(tenant) % 3 }
	}
	s := &storm{
		t: t, group: NewGroup(config), config: config, peers: newPeers(t), watch: !bounds,
		random: rand.New(rand.NewPCG(seed, 0)), held: make(map[*Server]bool), count: make(map[string]int),
	}
	if bounds {
		s.peers.courtesy = time.Millisecond
	}
	s.keys = []Key{testKey, {Tenant: "acme", Role: "other"}, {Tenant: "other"}, {Tenant: "third"}}
	return s
}

// Everything happens at full milliseconds, and so much at the same instant.
// Promises: G111.
func TestStormOfCoincidences(t *testing.T) {
	for _, bounds := range []bool{false, true} {
		t.Run(fmt.Sprintf("bounds=%v", bounds), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStorm(t, rand.Uint64(), bounds)
				s.unit = time.Millisecond
				s.pause = func(n int) { time.Sleep(time.Duration(n) * s.unit) }
				s.run(20, 60)
			})
		})
	}
}

// Everything happens as the scheduler pleases.
// Promises: G111.
func TestStorm(t *testing.T) {
	for _, bounds := range []bool{false, true} {
		t.Run(fmt.Sprintf("bounds=%v", bounds), func(t *testing.T) {
			t.Parallel()
			s := newStorm(t, rand.Uint64(), bounds)
			s.unit = 500 * time.Microsecond
			s.pause = func(n int) {
				for range n * 10 {
					runtime.Gosched()
				}
			}
			s.run(20, 100)
		})
	}
}
