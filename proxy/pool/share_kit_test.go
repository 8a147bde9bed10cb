package pool

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// courtesy is how long the peers of these tests take to hang up.
const courtesy = 5 * time.Millisecond

// shareBubble is bubble with peers that hang up when told goodbye. At no time do
// more than config says exist, as the peers see it.
func shareBubble(t *testing.T, config Config, test func(*fixture)) {
	t.Helper()
	freeBubble(t, config, func(f *fixture) {
		test(f)
		synctest.Wait()
		if n := f.mostAlive(); config.MaxConnections > 0 && n > config.MaxConnections {
			t.Errorf("%d connections at one time", n)
		}
	})
}

// shareBubbles is shareBubble as a test of its own.
func shareBubbles(t *testing.T, config Config, test func(*fixture)) {
	t.Helper()
	t.Run(fmt.Sprintf("%d,%d", config.MaxConnections, config.MaxTenantConnections), func(t *testing.T) {
		shareBubble(t, config, test)
	})
}

// freeBubble is shareBubble for connections that are given back unclean: when
// their peers notice the end, and free the place, cannot be known.
func freeBubble(t *testing.T, config Config, test func(*fixture)) {
	t.Helper()
	bubble(t, config, func(f *fixture) {
		f.courtesy = courtesy
		test(f)
	})
}

// of is the key of a tenant's pool for a role.
func of(tenant, role string) Key { return Key{Tenant: tenant, Role: role, Database: "app"} }

// flood is clients of one pool who want a connection for ever.
type flood struct {
	f      *fixture
	key    Key
	leases []*Lease // under peers.mu, as is served
	served int
}

// flood starts n clients, who hold what they get until turn.
func (f *fixture) flood(key Key, n int) *flood {
	fl := &flood{f: f, key: key}
	for range n {
		fl.enqueue()
	}
	synctest.Wait()
	return fl
}

func (fl *flood) enqueue() {
	var r Request
	fl.f.Enqueue(&r, fl.key, fl.f.connect, func(lease *Lease, err error) {
		switch {
		case err == nil:
			fl.f.peers.mu.Lock()
			defer fl.f.peers.mu.Unlock()
			fl.served++
			fl.leases = append(fl.leases, lease)
		case !errors.Is(err, ErrClosed):
			fl.f.t.Error(err)
		}
	})
}

// has is how many connections they have.
func (fl *flood) has() int {
	synctest.Wait()
	fl.f.peers.mu.Lock()
	defer fl.f.peers.mu.Unlock()
	return len(fl.leases)
}

// first takes away the connection that was got first.
func (fl *flood) first() *Lease {
	fl.f.t.Helper()
	synctest.Wait()
	fl.f.peers.mu.Lock()
	defer fl.f.peers.mu.Unlock()
	if len(fl.leases) == 0 {
		fl.f.t.Fatalf("%s has none", fl.key.Tenant)
	}
	lease := fl.leases[0]
	fl.leases = fl.leases[1:]
	return lease
}

// turn has the one who got a connection first give it back, and ask anew if again
// is set.
func (fl *flood) turn(again bool) {
	fl.f.t.Helper()
	lease := fl.first()
	if again {
		fl.enqueue()
	}
	lease.Release(true)
	synctest.Wait()
}

// lose has it break.
func (fl *flood) lose() { fl.first().Release(false) }

// end gives everything back and asks no more.
func end(floods ...*flood) {
	floods[0].f.Group.Close()
	for _, fl := range floods {
		for fl.has() > 0 {
			fl.turn(false)
		}
	}
}

// have checks what the floods have once everything that was to happen has.
func have(t *testing.T, what string, floods []*flood, want ...int) {
	t.Helper()
	time.Sleep(20 * courtesy)
	for i, fl := range floods {
		if n := fl.has(); n != want[i] {
			t.Errorf("%s: %s/%s has %d, want %d", what, fl.key.Tenant, fl.key.Role, n, want[i])
		}
	}
}

// expectIdle checks how many idle connections a pool has.
func (f *fixture) expectIdle(key Key, want int) {
	f.t.Helper()
	synctest.Wait()
	idle := 0
	for _, s := range f.Stats() {
		if s.Key == key {
			idle = s.Idle
		}
	}
	if idle != want {
		f.t.Errorf("%d are idle, want %d", idle, want)
	}
}
