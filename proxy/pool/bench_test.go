package pool

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"unique"
)

// One client on a pool that has an idle server connection: what a transaction
// costs.
func BenchmarkAcquireIdle(b *testing.B) {
	g, p := NewGroup(Config{Size: 20, IdleTimeout: 1e12, Lifetime: 1e13}), newPeers(b)
	defer g.Close()
	connect := ConnectFunc(p.connect) // one value, which a client makes once too
	b.ReportAllocs()
	for b.Loop() {
		lease, err := g.Acquire(b.Context(), testKey, connect)
		if err != nil {
			b.Fatal(err)
		}
		lease.Release(true)
	}
}

// The lock alone, on as many processors as there are and a pool for each client.
func BenchmarkAcquireIdleParallel(b *testing.B) {
	g, p := NewGroup(Config{Size: 20}), newPeers(b)
	defer g.Close()
	connect := ConnectFunc(p.connect) // one value, which a client makes once too
	var mu sync.Mutex
	clients := 0
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		mu.Lock()
		key := Key{Tenant: string(rune('a' + clients))}
		clients++
		mu.Unlock()
		for pb.Next() {
			lease, err := g.Acquire(b.Context(), key, connect)
			if err != nil {
				b.Error(err)
				return
			}
			lease.Release(true)
		}
	})
}

// A hundred clients on a pool of two: nearly every one waits.
func BenchmarkHandOver(b *testing.B) {
	g, p := NewGroup(Config{Size: 2}), newPeers(b)
	defer g.Close()
	connect := ConnectFunc(p.connect) // one value, which a client makes once too
	b.ReportAllocs()
	b.SetParallelism(50)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			lease, err := g.Acquire(b.Context(), testKey, connect)
			if err != nil {
				b.Error(err)
				return
			}
			runtime.Gosched() // at work
			lease.Release(true)
		}
	})
}

// The same by an event loop.
func BenchmarkTryAcquire(b *testing.B) {
	for _, watched := range []bool{false, true} {
		b.Run(fmt.Sprintf("watched=%v", watched), func(b *testing.B) {
			g := NewGroup(Config{Size: 20, IdleTimeout: 1e12, Lifetime: 1e13, MaxConnections: 100})
			defer g.Close()
			lendOne(b, g, watched)
			b.ReportAllocs()
			for b.Loop() {
				lease, _ := g.TryAcquireAlike(testKey, testAffinity)
				lease.Release(true)
			}
		})
	}
}

// Two clients on one server connection, so that each hand-over is to one who
// waits.
func BenchmarkEnqueue(b *testing.B) {
	g := NewGroup(Config{Size: 1})
	defer g.Close()
	turn := handOver(b, g)
	b.ReportAllocs()
	for b.Loop() {
		turn()
	}
}

var testAffinity = unique.Make("x")

// lendOne has one idle connection in the pool.
func lendOne(t testing.TB, g *Group, watched bool) {
	lease, err := g.Acquire(t.Context(), testKey, newPeers(t).connect)
	if err != nil {
		t.Fatal(err)
	}
	lease.Watched, lease.Affinity = watched, testAffinity
	lease.Release(true)
}

// handOver returns what has a client enqueue and another give it the connection.
func handOver(t testing.TB, g *Group) func() {
	lendOne(t, g, false)
	lease, _ := g.TryAcquire(testKey)
	var requests [2]Request
	var next *Lease
	deliver := func(lease *Lease, err error) { next = lease }
	n := 0
	t.Cleanup(func() { lease.Release(true) })
	return func() {
		n++
		g.Enqueue(&requests[n%2], testKey, nil, deliver)
		lease.Release(true)
		lease = next
	}
}

// Promises: G119.
func TestNothingIsAllocated(t *testing.T) { // not parallel: it counts
	for _, config := range []Config{
		{Size: 1, IdleTimeout: 1e12, Lifetime: 1e13},
		{Size: 1, MaxConnections: 10, MaxTenantConnections: 5, Weight: func(string) int { return 2 }},
	} {
		g := NewGroup(config)
		defer g.Close()
		connect := ConnectFunc(newPeers(t).connect) // one value, which a client makes once too
		turn := handOver(t, g)
		check := func(name string, do func()) {
			if n := testing.AllocsPerRun(1000, do); n > 0 {
				t.Errorf("%s: %v allocations", name, n)
			}
		}
		check("Enqueue", turn)
		other := testKey
		other.Role = "other"
		first, err := g.Acquire(t.Context(), other, connect)
		if err != nil {
			t.Fatal(err)
		}
		first.Affinity = testAffinity
		first.Release(true)
		check("Acquire", func() {
			lease, err := g.Acquire(t.Context(), other, connect)
			if err != nil {
				t.Fatal(err)
			}
			lease.Release(true)
		})
		check("TryAcquire", func() {
			lease, _ := g.TryAcquire(other)
			lease.Release(true)
		})
		check("TryAcquireAlike", func() {
			lease, _ := g.TryAcquireAlike(other, testAffinity)
			lease.Release(true)
		})
		check("TryAcquire of nothing", func() { g.TryAcquire(Key{}) })
		var r Request
		check("Cancel", func() {
			g.Enqueue(&r, testKey, connect, nil)
			if !r.Cancel() {
				t.Fatal("not cancelled")
			}
		})
	}
}
