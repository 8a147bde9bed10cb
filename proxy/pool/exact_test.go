package pool

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// exactKey is a pool whose connections differ.
var exactKey = Key{Tenant: "acme", Role: "app", Database: "app", Exact: true}

// started is a ConnectFunc for connections that are started with what is given.
func (f *fixture) started(with string) ConnectFunc {
	return func(ctx context.Context) (*Server, error) {
		s, err := f.connect(ctx)
		if err == nil {
			s.Affinity = with
		}
		return s, err
	}
}

// lendAs acquires a connection that was started so, which must be there.
func (f *fixture) lendAs(with string) *Lease {
	f.t.Helper()
	lease, err := f.AcquireAlike(f.t.Context(), exactKey, with, f.started(with))
	if err != nil {
		f.t.Fatal(err)
	}
	if lease.Affinity != with {
		f.t.Fatalf("a connection that was started with %v, not %s", lease.Affinity, with)
	}
	return lease
}

// wants acquires one in a goroutine.
func (f *fixture) wants(with string) chan *Lease {
	got := make(chan *Lease, 1)
	go func() { got <- f.lendAs(with) }()
	synctest.Wait()
	return got
}

func TestExactReuse(t *testing.T) {
	bubble(t, Config{}, func(f *fixture) {
		a, b := f.lendAs("a"), f.lendAs("b")
		servers := map[string]*Server{"a": a.Server, "b": b.Server}
		a.Release(true)
		b.Release(true)
		for _, with := range []string{"a", "b", "a"} {
			lease := f.lendAs(with)
			if lease.Server != servers[with] {
				t.Errorf("another connection for %s", with)
			}
			lease.Release(true)
		}
		if _, ok := f.TryAcquireAlike(exactKey, "c"); ok {
			t.Error("a connection that was started otherwise")
		}
	})
}

// A pool that is full of idle connections that do not suit gives one up, the one
// that has been idle for longest.
func TestExactTradesIdle(t *testing.T) {
	bubble(t, Config{Size: 2}, func(f *fixture) {
		a, b := f.lendAs("a"), f.lendAs("b")
		oldest := a.Server
		a.Release(true)
		time.Sleep(time.Second)
		b.Release(true)
		c := f.lendAs("c")
		synctest.Wait()
		if closed, _ := f.hungUp(oldest); !closed {
			t.Error("the one that was idle for longest was kept")
		}
		c.Release(true)
		if lease := f.lendAs("b"); f.made() != 3 {
			t.Errorf("%d connections were made", f.made())
		} else {
			lease.Release(true)
		}
	})
}

// Whoever has waited longest is served first, by a connection that is given back
// or by another in its place.
func TestExactOldestFirst(t *testing.T) {
	bubble(t, Config{Size: 1}, func(f *fixture) {
		lease := f.lendAs("a")
		first, second, third := f.wants("a"), f.wants("b"), f.wants("a")
		server := lease.Server
		lease.Release(true)
		synctest.Wait()
		if lease = <-first; lease.Server != server {
			t.Error("another connection for the first, whom it suits")
		}
		lease.Release(true)
		lease = <-second
		if len(third) > 0 {
			t.Error("the third has come before the second")
		}
		lease.Release(true)
		(<-third).Release(true)
		if f.made() != 3 {
			t.Errorf("%d connections were made", f.made())
		}
	})
}

// A connection whose client has left before it was there is used, or makes room.
func TestExactOrphan(t *testing.T) {
	bubble(t, Config{Size: 1}, func(f *fixture) {
		ctx, leave := context.WithCancelCause(f.t.Context())
		dialing, dialed := make(chan struct{}), make(chan struct{})
		go f.AcquireAlike(ctx, exactKey, "a", func(ctx context.Context) (*Server, error) {
			close(dialing)
			<-dialed
			return f.started("a")(context.WithoutCancel(ctx))
		})
		<-dialing
		got := f.wants("b")
		leave(errLeft)
		synctest.Wait()
		close(dialed)
		(<-got).Release(true)
	})
}

// However clients of several kinds come and go, nobody waits for ever, and there
// are never more connections than there may be.
func TestExactStorm(t *testing.T) {
	for name, config := range map[string]Config{
		"size":   {Size: 3},
		"tenant": {Size: 10, MaxTenantConnections: 3},
		"all":    {Size: 10, MaxConnections: 3},
		"one":    {Size: 1, IdleTimeout: time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, config, func(f *fixture) {
				f.courtesy = time.Millisecond
				capped := config.MaxTenantConnections > 0 || config.MaxConnections > 0
				var clients sync.WaitGroup
				for range 20 {
					clients.Go(func() {
						for range 20 {
							with := string(rune('a' + rand.N(4)))
							lease := f.lendAs(with)
							time.Sleep(rand.N(5 * time.Millisecond))
							lease.Release(capped || rand.N(10) > 0) // what is not told goodbye may live on for a moment
						}
					})
				}
				clients.Wait()
				if most := f.mostAlive(); capped && most > 3 {
					t.Errorf("%d connections at one time", most)
				}
			})
		})
	}
}
