package pool

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestLastUsedIsLentFirst(t *testing.T) {
	bubble(t, Config{}, func(f *fixture) {
		leases := []*Lease{f.lend(testKey), f.lend(testKey), f.lend(testKey)}
		f.expect(0, 3, 0, 0)
		order := []int{1, 2, 0}
		servers := make([]*Server, 3)
		for i, n := range order {
			servers[i] = leases[n].Server
			leases[n].Release(true)
		}
		f.expect(3, 0, 0, 0)
		for i := 2; i >= 0; i-- {
			if l := f.lend(testKey); l.Server != servers[i] {
				t.Errorf("got another server connection than the one released as number %d", i)
			} else {
				defer l.Release(true)
			}
		}
		if f.made() != 3 {
			t.Errorf("%d server connections were made", f.made())
		}
	})
}

// Promises: I6.
func TestOldestWaiterFirst(t *testing.T) {
	bubble(t, Config{Size: 1}, func(f *fixture) {
		lease := f.lend(testKey)
		server := lease.Server
		clients := make([]*client, 10)
		for i := range clients {
			clients[i] = f.ask(testKey)
			time.Sleep(time.Second)
		}
		f.expect(0, 1, 0, 10)
		if wait := f.stats().OldestWait; wait != 10*time.Second {
			t.Errorf("oldest wait is %v, want 10s", wait)
		}
		for i, c := range clients {
			c.waits()
			lease.Release(true)
			lease = c.has(server)
			f.expect(0, 1, 0, 9-i)
		}
		lease.Release(true)
	})
}

// Promises: G109.
func TestGrowth(t *testing.T) {
	bubble(t, Config{Size: 5, ConnectAtOnce: 2}, func(f *fixture) {
		clients := make([]*client, 8)
		for i := range clients {
			clients[i] = f.askSlowly(testKey)
		}
		f.expect(0, 0, 2, 8) // no more than two at once
		clients[0].finish(nil)
		f.expect(0, 1, 2, 7)
		clients[1].finish(nil)
		clients[2].finish(nil)
		f.expect(0, 3, 2, 5)
		clients[3].finish(nil)
		f.expect(0, 4, 1, 4) // no more than five in all
		clients[4].finish(nil)
		f.expect(0, 5, 0, 3)
		for i := range 5 {
			clients[i].has(nil).Release(false) // each makes room for one
		}
		f.expect(0, 0, 2, 3)
		clients[5].finish(nil)
		clients[6].finish(nil)
		clients[7].finish(nil)
		for _, c := range clients[5:] {
			c.has(nil).Release(true)
		}
		f.expect(3, 0, 0, 0)
	})
}

// One waiter has one dial, even while the pool could have more.
// Promises: G109.
func TestGrowthFollowsDemand(t *testing.T) {
	bubble(t, Config{}, func(f *fixture) {
		c := f.askSlowly(testKey)
		f.expect(0, 0, 1, 1)
		c.finish(nil)
		c.has(nil).Release(true)
		f.expect(1, 0, 0, 0)
	})
}

// Promises: G109.
func TestDialServesOldestWaiter(t *testing.T) {
	bubble(t, Config{}, func(f *fixture) {
		first, second := f.askSlowly(testKey), f.askSlowly(testKey)
		second.finish(nil)
		second.waits()
		lease := first.has(nil)
		f.expect(0, 1, 1, 1) // the first one's dial goes on
		first.finish(nil)
		second.has(nil).Release(true)
		lease.Release(true)
		f.expect(2, 0, 0, 0)
	})
}

func TestReturnServesWaiterWhoDials(t *testing.T) {
	bubble(t, Config{}, func(f *fixture) {
		lease := f.lend(testKey)
		c := f.askSlowly(testKey)
		lease.Release(true)
		lease = c.has(lease.Server)
		f.expect(0, 1, 1, 0)
		c.finish(nil) // nobody waits any more
		f.expect(1, 1, 0, 0)
		lease.Release(true)
	})
}

func TestFailedDial(t *testing.T) {
	broken := errors.New("broken")
	t.Run("fails its own waiter alone", func(t *testing.T) {
		bubble(t, Config{}, func(f *fixture) {
			first, second, third := f.askSlowly(testKey), f.askSlowly(testKey), f.askSlowly(testKey)
			second.finish(broken)
			second.failed(broken)
			first.waits()
			third.waits()
			first.finish(nil)
			third.finish(nil)
			first.has(nil).Release(true)
			third.has(nil).Release(true)
		})
	})
	t.Run("of a waiter who is served fails nobody", func(t *testing.T) {
		bubble(t, Config{}, func(f *fixture) {
			first, second := f.askSlowly(testKey), f.askSlowly(testKey)
			second.finish(nil)
			lease := first.has(nil)
			first.finish(broken)
			second.waits()
			f.expect(0, 1, 1, 1)
			second.finish(nil) // its own, begun anew
			second.has(nil).Release(true)
			lease.Release(true)
		})
	})
	t.Run("gives the next its turn", func(t *testing.T) {
		bubble(t, Config{ConnectAtOnce: 1}, func(f *fixture) {
			first, second := f.askSlowly(testKey), f.askSlowly(testKey)
			first.finish(broken)
			first.failed(broken)
			second.finish(broken)
			second.failed(broken)
			f.expect(0, 0, 0, 0)
		})
	})
}

// Promises: I1.
func TestUncleanIsClosed(t *testing.T) {
	bubble(t, Config{Size: 1}, func(f *fixture) {
		lease := f.lend(testKey)
		server := lease.Server
		c := f.ask(testKey)
		lease.Release(false)
		if closed, said := f.hungUp(server); !closed || said != "" {
			t.Errorf("closed is %v, and it was told %q", closed, said)
		}
		if c.has(nil).Server == server {
			t.Error("it was lent again")
		}
		c.lease.Release(true)
	})
}

func TestReleasedTwice(t *testing.T) {
	for _, clean := range []bool{true, false} {
		t.Run(fmt.Sprintf("clean is %v", clean), func(t *testing.T) {
			bubble(t, Config{}, func(f *fixture) {
				lease := f.lend(testKey)
				lease.Release(clean)
				defer func() {
					if recover() == nil {
						t.Error("no panic")
					}
				}()
				lease.Release(false)
			})
		})
	}
}

// A deadline that one client has set, and what was early for it, must not meet
// the next.
func TestReleaseLeavesNothing(t *testing.T) {
	bubble(t, Config{}, func(f *fixture) {
		lease := f.lend(testKey)
		lease.Early = []byte("early")
		if err := lease.SetReadDeadline(time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		lease.Release(true)
		lease = f.lend(testKey)
		defer lease.Release(true)
		if lease.Early != nil {
			t.Errorf("Early is %q", lease.Early)
		}
		if _, err := f.far(lease.Server).Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := lease.Read(make([]byte, 1)); err != nil {
			t.Error(err)
		}
	})
}

// A server connection that its client has closed is not lent again, whatever is
// said of it.
func TestReleaseOfClosed(t *testing.T) {
	bubble(t, Config{}, func(f *fixture) {
		lease := f.lend(testKey)
		lease.Close()
		lease.Release(true)
		f.expect(0, 0, 0, 0)
	})
}

// Promises: J7.
func TestPoolsAreApart(t *testing.T) {
	bubble(t, Config{Size: 1}, func(f *fixture) {
		keys := []Key{
			testKey,
			{Tenant: "other", Role: "app", Database: "app"},
			{Tenant: "acme", Role: "other", Database: "app"},
			{Tenant: "acme", Role: "app", Database: "other"},
			{Tenant: "acme", Role: "app", Database: "app", Settings: "other"},
		}
		seen := make(map[*Server]Key)
		for range 2 {
			for _, key := range keys {
				lease := f.lend(key)
				if old, ok := seen[lease.Server]; ok && old != key {
					t.Errorf("%+v has got a server connection of %+v", key, old)
				}
				seen[lease.Server] = key
				lease.Release(true)
			}
		}
		if len(seen) != len(keys) {
			t.Errorf("%d server connections for %d pools", len(seen), len(keys))
		}
		if n := f.Idle("acme"); n != 4 {
			t.Errorf("acme has %d idle ones, want 4", n)
		}
		lease := f.lend(testKey)
		if idle, lent := f.Idle("acme"), f.Lent("acme"); idle != 3 || lent != 1 {
			t.Errorf("acme has %d idle, %d lent; want 3 and 1", idle, lent)
		}
		if idle, lent := f.Idle("nobody"), f.Lent("nobody"); idle != 0 || lent != 0 {
			t.Errorf("nobody has %d idle, %d lent", idle, lent)
		}
		lease.Release(true)
	})
}

func TestClose(t *testing.T) {
	bubble(t, Config{Size: 2, IdleTimeout: time.Minute}, func(f *fixture) {
		other := Key{Tenant: "other"}
		f.lend(other).Release(true)
		lease := f.lend(testKey)
		dialing, waiting := f.askSlowly(testKey), f.ask(testKey)
		f.Group.Close()
		dialing.failed(ErrClosed)
		waiting.failed(ErrClosed)
		if dialing.dialing() {
			t.Error("a dial goes on")
		}
		if _, err := f.Acquire(f.t.Context(), testKey, f.connect); !errors.Is(err, ErrClosed) {
			t.Errorf("Acquire: %v", err)
		}
		f.expect(0, 1, 0, 0)
		lease.Release(true)
		f.expect(0, 0, 0, 0)
	})
}

// A dial can succeed although it was told to end.
func TestCloseBeforeDialSucceeds(t *testing.T) {
	bubble(t, Config{}, func(f *fixture) {
		c := f.askSlowly(testKey)
		f.Group.mu.Lock()
		f.Group.closed = true
		f.Group.pools[testKey].failAll(ErrClosed)
		f.Group.pools[testKey].retire()
		f.Group.mu.Unlock()
		c.finish(nil)
		c.failed(ErrClosed)
		synctest.Wait()
		if f.made() != 1 || f.open() != 0 {
			t.Errorf("%d made, %d open", f.made(), f.open())
		}
	})
}
