package pool

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// What lies idle goes to whoever wants it, that of the tenant with most first.
func TestIdleGivesWay(t *testing.T) {
	shareBubble(t, Config{MaxConnections: 7, Weight: func(tenant string) int {
		return map[string]int{"heavy": 5}[tenant]
	}}, func(f *fixture) {
		var leases []*Lease
		for _, tenant := range []string{"few", "many", "many", "heavy", "heavy", "heavy", "heavy"} {
			leases = append(leases, f.lend(of(tenant, "x")))
		}
		for _, lease := range leases {
			lease.Release(true)
			time.Sleep(time.Second)
		}
		var others []*flood
		for i, want := range [][3]int{{1, 1, 4}, {0, 1, 4}, {0, 0, 4}, {0, 0, 3}} {
			others = append(others, f.flood(of(fmt.Sprint(i), "x"), 1))
			have(t, fmt.Sprint(i), others[i:], 1)
			if idle := [3]int{f.Idle("few"), f.Idle("many"), f.Idle("heavy")}; idle != want {
				t.Errorf("after %d: %v are idle, want %v", i, idle, want)
			}
		}
		if leases[1].Idle() || leases[3].Idle() {
			t.Error("the one that was idle for longest has not gone")
		}
		end(others...)
	})
}

// Of tenants that have as much the connection goes that has been idle for longest.
func TestOldestIdleGivesWay(t *testing.T) {
	shareBubble(t, Config{MaxConnections: 8}, func(f *fixture) {
		var leases []*Lease
		for i := range 8 {
			leases = append(leases, f.lend(of(fmt.Sprint("idle", i), "x")))
		}
		for _, lease := range leases {
			lease.Release(true)
			time.Sleep(time.Second)
		}
		var others []*flood
		for i, lease := range leases {
			others = append(others, f.flood(of(fmt.Sprint(i), "x"), 1))
			have(t, fmt.Sprint(i), others[i:], 1)
			if lease.Idle() || f.Group.Idle(fmt.Sprint("idle", i+1)) != min(1, 7-i) {
				t.Errorf("number %d has not gone, or another has", i)
			}
		}
		end(others...)
	})
}

// A tenant that wants all cannot keep another from its share, nor take more than
// its own from one that needs it.
// Promises: G116, J8.
func TestShare(t *testing.T) {
	for _, test := range []struct {
		name    string
		config  Config
		keys    []Key
		clients []int
		first   []int // what they have if they come one after the other
		last    []int // and after many turns
	}{
		{
			name: "equal", config: Config{MaxConnections: 4},
			keys:  []Key{of("a", "x"), of("b", "x")},
			first: []int{4, 0}, last: []int{2, 2},
		},
		{
			name: "odd", config: Config{MaxConnections: 5},
			keys:  []Key{of("a", "x"), of("b", "x")},
			first: []int{5, 0}, last: []int{3, 2},
		},
		{
			name: "of several pools", config: Config{MaxConnections: 6},
			keys:  []Key{of("a", "x"), of("a", "y"), of("a", "z"), of("b", "x")},
			first: []int{6, 0, 0, 0}, last: []int{1, 1, 1, 3},
		},
		{
			name: "weighted", config: Config{MaxConnections: 8, Weight: func(tenant string) int { return map[string]int{"a": 3}[tenant] }},
			keys:  []Key{of("a", "x"), of("b", "x")},
			first: []int{8, 0}, last: []int{6, 2},
		},
		{
			name: "weighted the other way", config: Config{MaxConnections: 8, Weight: func(tenant string) int { return map[string]int{"b": 3}[tenant] }},
			keys:  []Key{of("a", "x"), of("b", "x")},
			first: []int{8, 0}, last: []int{2, 6},
		},
		{
			name: "one needs little", config: Config{MaxConnections: 6},
			keys: []Key{of("a", "x"), of("b", "x")}, clients: []int{30, 1},
			first: []int{6, 0}, last: []int{5, 1},
		},
		{
			name: "of one tenant", config: Config{MaxTenantConnections: 4},
			keys:  []Key{of("a", "x"), of("a", "y"), of("b", "x")},
			first: []int{4, 0, 4}, last: []int{2, 2, 4},
		},
		{
			name: "both bounds", config: Config{MaxConnections: 8, MaxTenantConnections: 4},
			keys:  []Key{of("a", "x"), of("a", "y"), of("b", "x"), of("c", "x")},
			first: []int{4, 0, 4, 0}, last: []int{1, 2, 3, 2},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			shareBubble(t, test.config, func(f *fixture) {
				var floods []*flood
				for i, key := range test.keys {
					n := 30
					if test.clients != nil {
						n = test.clients[i]
					}
					floods = append(floods, f.flood(key, n))
					time.Sleep(courtesy)
				}
				have(t, "at first", floods, test.first...)
				// The others are served as soon as the first gives back, one by one.
				for range 20 {
					for _, fl := range floods {
						for range fl.has() {
							fl.turn(true)
							time.Sleep(2 * courtesy)
						}
					}
				}
				if test.name == "both bounds" { // a shares its own besides
					test.last = []int{floods[0].has(), floods[1].has(), floods[2].has(), floods[3].has()}
					if a := test.last[0] + test.last[1]; a < 2 || a > 3 || test.last[2] < 2 || test.last[3] < 2 || test.last[0] == 0 || test.last[1] == 0 {
						t.Errorf("they have %v", test.last)
					}
				}
				have(t, "after many turns", floods, test.last...)
				made := f.made()
				for range 10 {
					for _, fl := range floods {
						fl.turn(true)
					}
				}
				if test.name != "of several pools" && test.name != "both bounds" && f.made() > made {
					t.Errorf("%d connections were moved about for nothing", f.made()-made)
				}
				end(floods...)
			})
		})
	}
}

// The first that comes back goes to a tenant that has none, before anybody grows,
// and the one with least is next.
func TestOrderOfFreeOnes(t *testing.T) {
	freeBubble(t, Config{MaxConnections: 4}, func(f *fixture) {
		a, b := f.flood(of("a", "x"), 3), f.flood(of("b", "x"), 1)
		for range 3 {
			a.enqueue()
			b.enqueue()
		}
		c := f.flood(of("c", "x"), 2)
		all := []*flood{a, b, c}
		have(t, "at first", all, 3, 1, 0)
		a.lose()
		have(t, "then", all, 2, 1, 1)
		a.lose()
		have(t, "then", all, 1, 2, 1) // of three equal ones the one that was served longest ago
		end(a, b, c)
	})
}

// Of those who are as badly off the one that has waited longest in vain is next,
// which a tenant with several pools that want more is not for each of them.
func TestOrderOfEqualOnes(t *testing.T) {
	freeBubble(t, Config{MaxConnections: 3}, func(f *fixture) {
		a, b, c := f.flood(of("a", "x"), 1), f.flood(of("b", "x"), 1), f.flood(of("c", "x"), 1)
		a.enqueue()
		a.enqueue()
		y := f.flood(of("a", "y"), 3)
		time.Sleep(courtesy)
		b.enqueue()
		c.turn(false)
		have(t, "the first", []*flood{a, y, b}, 1, 1, 1)
		a.lose()
		have(t, "the second", []*flood{b}, 2)
		end(a, b, c, y)
	})
}

// A tenant's place in the order is that of what it has now.
func TestOrderFollowsLoss(t *testing.T) {
	freeBubble(t, Config{MaxConnections: 4}, func(f *fixture) {
		a, b := f.flood(of("a", "x"), 2), f.flood(of("b", "x"), 2)
		a.enqueue()
		b.enqueue()
		time.Sleep(courtesy)
		b.lose()
		have(t, "then", []*flood{a, b}, 2, 2)
		end(a, b)
	})
}

// With more tenants than connections each has its turn, and with more pools of a
// tenant.
// Promises: G116.
func TestTurns(t *testing.T) {
	for _, config := range []Config{{MaxConnections: 1}, {MaxTenantConnections: 1}} {
		other := of("a", "y")
		if config.MaxConnections > 0 {
			other.Tenant = "b"
		}
		shareBubbles(t, config, func(f *fixture) {
			a, b := f.flood(of("a", "x"), 3), f.flood(other, 3)
			time.Sleep(turn - time.Nanosecond)
			a.turn(true)
			if a.has() != 1 {
				t.Error("it was moved too early")
			}
			time.Sleep(time.Nanosecond)
			for range 3 {
				a.turn(true)
				time.Sleep(courtesy)
				b.turn(true)
				if b.has() != 1 {
					t.Error("it was moved back at once")
				}
				a, b = b, a
				time.Sleep(turn)
			}
			end(a, b)
		})
	}
}

// What is dialled for somebody is that client's, even if it has taken long.
func TestDialledIsKept(t *testing.T) {
	for _, config := range []Config{{MaxConnections: 1}, {MaxTenantConnections: 1}} {
		other := of("a", "y")
		if config.MaxConnections > 0 {
			other.Tenant = "b"
		}
		shareBubbles(t, config, func(f *fixture) {
			a := f.askSlowly(of("a", "x"))
			b := f.flood(other, 1)
			time.Sleep(turn)
			a.finish(nil)
			a.has(nil).Release(true)
			have(t, "then", []*flood{b}, 1)
			end(b)
		})
	}
}

// Sixty tenants and six connections: none starves, however much one of
// them asks for.
// Promises: G116, J8.
func TestNobodyStarves(t *testing.T) {
	shareBubble(t, Config{MaxConnections: 6}, func(f *fixture) {
		done := make(chan struct{})
		worker := func(fl *flood) {
			for {
				select {
				case <-done:
					return
				default:
				}
				lease, err := f.Acquire(f.t.Context(), fl.key, f.connect)
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(time.Millisecond)
				f.peers.mu.Lock()
				fl.served++
				f.peers.mu.Unlock()
				lease.Release(true)
			}
		}
		var floods []*flood
		for i := range 60 {
			fl := &flood{f: f, key: of(fmt.Sprint(i), "x")}
			floods = append(floods, fl)
			clients := 1
			if i == 0 {
				clients = 100
			}
			for range clients {
				go worker(fl)
			}
		}
		time.Sleep(5 * time.Second)
		close(done)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		least, most := floods[0].served, 0
		for _, fl := range floods {
			least, most = min(least, fl.served), max(most, fl.served)
		}
		if least < 20 {
			t.Errorf("one was served %d times, another %d times", least, most)
		}
		t.Logf("served from %d to %d times, the one with a hundred clients %d, %d connections made", least, most, floods[0].served, f.made())
	})
}

func TestUnjust(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rich, poor holding
		hungry     time.Duration
		want       bool
	}{
		{holding{1, 1}, holding{0, 1}, 0, false},
		{holding{1, 1}, holding{0, 1}, turn, true},
		{holding{1, 1}, holding{1, 1}, time.Hour, false},
		{holding{2, 1}, holding{0, 1}, 0, true},
		{holding{2, 9}, holding{0, 1}, 0, true},
		{holding{2, 1}, holding{1, 1}, time.Hour, false},
		{holding{3, 1}, holding{1, 1}, 0, true},
		{holding{6, 3}, holding{2, 1}, 0, false},
		{holding{9, 3}, holding{1, 1}, 0, true},
		{holding{8, 3}, holding{2, 1}, 0, false},
		{holding{3, 1}, holding{3, 2}, 0, true},
	} {
		if got := unjust(test.rich, test.poor, test.hungry); got != test.want {
			t.Errorf("%+v beside %+v, hungry for %v: %v", test.rich, test.poor, test.hungry, got)
		}
	}
}
