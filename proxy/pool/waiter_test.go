package pool

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestWaiterLeaves(t *testing.T) {
	t.Run("alone", func(t *testing.T) {
		bubble(t, Config{}, func(f *fixture) {
			c := f.askSlowly(testKey)
			c.leave(errLeft)
			c.failed(errLeft)
			if c.dialing() {
				t.Error("its dial goes on")
			}
			f.expect(0, 0, 0, 0)
		})
	})
	t.Run("and others need its dial", func(t *testing.T) {
		bubble(t, Config{Size: 1}, func(f *fixture) {
			first, second := f.askSlowly(testKey), f.askSlowly(testKey)
			first.leave(errLeft)
			first.failed(errLeft)
			f.expect(0, 0, 1, 1)
			first.finish(nil)
			second.has(nil).Release(true)
		})
	})
	t.Run("from the middle of the queue", func(t *testing.T) {
		bubble(t, Config{Size: 1}, func(f *fixture) {
			lease := f.lend(testKey)
			server := lease.Server
			clients := []*client{f.ask(testKey), f.ask(testKey), f.ask(testKey), f.ask(testKey)}
			clients[1].leave(errLeft)
			clients[3].leave(errLeft)
			clients[1].failed(errLeft)
			clients[3].failed(errLeft)
			f.expect(0, 1, 0, 2)
			lease.Release(true)
			clients[2].waits()
			clients[0].has(server).Release(true)
			clients[2].has(server).Release(true)
		})
	})
	t.Run("before it has come", func(t *testing.T) {
		bubble(t, Config{}, func(f *fixture) {
			ctx, cancel := context.WithCancelCause(f.t.Context())
			cancel(errLeft)
			if _, err := f.Acquire(ctx, testKey, f.connect); !errors.Is(err, errLeft) {
				t.Error(err)
			}
			if f.made() > 0 {
				t.Error("something was dialled")
			}
			f.lend(testKey).Release(true)
			if _, err := f.Acquire(ctx, testKey, f.connect); !errors.Is(err, errLeft) {
				t.Errorf("got an idle one, error %v", err)
			}
		})
	})
}

// A server connection handed to somebody who leaves at that instant goes to the
// next, with what was early on it (PROTOCOL G111).
func TestHandedToOneWhoLeaves(t *testing.T) {
	for _, others := range []int{0, 1} {
		t.Run([]string{"nobody waits", "another waits"}[others], func(t *testing.T) {
			bubble(t, Config{Size: 1}, func(f *fixture) {
				lease := f.lend(testKey)
				server := lease.Server
				_, leaving, err := f.take(testKey, f.connect)
				if err != nil {
					t.Fatal(err)
				}
				var next *client
				if others > 0 {
					next = f.ask(testKey)
				}
				lease.Release(true)
				server.Early = []byte("early")
				f.leave(leaving) // as wait does when it sees first that ctx has ended
				if next == nil {
					f.expect(1, 0, 0, 0)
					next = f.ask(testKey)
				}
				if l := next.has(server); string(l.Early) != "early" {
					t.Errorf("Early is %q", l.Early)
				}
				next.lease.Release(true)
			})
		})
	}
}

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
	keys   [3]Key
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
		lease, err := s.group.Acquire(ctx, key, s.connect)
		s.look()
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
		}
		s.pause(s.roll(3))
	}
}

func (s *storm) hold(lease *Lease) {
	server := lease.Server
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
	s.mu.Lock()
	delete(s.held, server)
	s.mu.Unlock()
	lease.Release(clean)
}

// look checks the bounds.
func (s *storm) look() {
	for _, p := range s.group.Stats() {
		if n := p.Idle + p.Lent + p.Connecting; n > s.config.Size {
			s.t.Errorf("%d server connections: %+v", n, p)
		}
		if p.Connecting > s.config.ConnectAtOnce {
			s.t.Errorf("too many dials: %+v", p)
		}
		if p.Idle > 0 && p.Waiting > 0 {
			s.t.Errorf("somebody waits beside an idle one: %+v", p)
		}
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
	s.group.Close()
	if n := s.peers.open(); n > 0 {
		s.t.Errorf("%d server connections are open at the end", n)
	}
	if n := len(s.group.timetable.deadlines) + len(s.group.pools) + len(s.group.tenants); n > 0 {
		s.t.Errorf("%d deadlines, pools and tenants are left", n)
	}
	s.t.Logf("%v, %d server connections made", s.count, len(s.peers.servers))
}

func newStorm(t *testing.T, seed uint64) *storm {
	t.Logf("seed %d", seed)
	config := Config{Size: 3, ConnectAtOnce: 2, IdleTimeout: 3 * time.Millisecond, Lifetime: 20 * time.Millisecond}
	s := &storm{
		t: t, group: NewGroup(config), config: config, peers: newPeers(t),
		random: rand.New(rand.NewPCG(seed, 0)), held: make(map[*Server]bool), count: make(map[string]int),
	}
	s.keys = [3]Key{testKey, {Tenant: "acme", Role: "other"}, {Tenant: "other"}}
	return s
}

// Everything happens at full milliseconds, and so much at the same instant.
func TestStormOfCoincidences(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	synctest.Test(t, func(t *testing.T) {
		s := newStorm(t, seed)
		s.unit = time.Millisecond
		s.pause = func(n int) { time.Sleep(time.Duration(n) * s.unit) }
		s.run(20, 60)
	})
}

// Everything happens as the scheduler pleases.
func TestStorm(t *testing.T) {
	t.Parallel()
	s := newStorm(t, rand.Uint64())
	s.unit = 500 * time.Microsecond
	s.pause = func(n int) {
		for range n * 10 {
			runtime.Gosched()
		}
	}
	s.run(20, 100)
}
