package pool

import (
	"runtime"
	"sync"
	"testing"
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

func TestAcquireOfIdleDoesNotAllocate(t *testing.T) {
	g, p := NewGroup(Config{IdleTimeout: 1e12, Lifetime: 1e13}), newPeers(t)
	defer g.Close()
	connect := ConnectFunc(p.connect) // one value, which a client makes once too
	n := testing.AllocsPerRun(1000, func() {
		lease, err := g.Acquire(t.Context(), testKey, connect)
		if err != nil {
			t.Fatal(err)
		}
		lease.Release(true)
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}
