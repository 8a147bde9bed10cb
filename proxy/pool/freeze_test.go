package pool

import (
	"testing"
	"time"
)

// Server connections stay over a freeze, and are lent when it is over.
func TestFreeze(t *testing.T) {
	bubble(t, Config{Size: 2}, func(f *fixture) {
		first, second := f.lend(testKey), f.lend(testKey)
		server := second.Server
		first.Release(true)
		if _, ok := f.Freeze("acme", time.Now()); ok {
			t.Error("frozen though one is lent")
		}
		second.Release(true)
		time.Sleep(time.Second)
		if _, ok := f.Freeze("acme", time.Now().Add(-2*time.Second)); ok {
			t.Error("frozen though it was used since")
		}
		if backends, ok := f.Freeze("acme", time.Now()); !ok || len(backends) != 2 {
			t.Errorf("frozen: %v with %d", ok, len(backends))
		}
		if _, ok := f.TryAcquire(testKey); ok {
			t.Error("a frozen one is lent")
		}
		f.expect(2, 0, 0, 0)
		f.Thaw("acme")
		if lease := f.lend(testKey); lease.Server != server {
			t.Error("another one is lent")
		} else {
			lease.Release(true)
		}
		if _, ok := f.Freeze("other", time.Now()); !ok {
			t.Error("one that has none is not frozen")
		}
		f.Thaw("other")
		f.expect(2, 0, 0, 0)
	})
}

// Who comes between the Gate and a freeze has the instance thawed by a dial of its
// own, also where the pool is full, and the others have their turn.
func TestFreezeRace(t *testing.T) {
	bubble(t, Config{Size: 1}, func(f *fixture) {
		f.lend(testKey).Release(true)
		f.Freeze("acme", time.Now())
		c, next := f.askSlowly(testKey), f.askSlowly(testKey)
		f.expect(0, 0, 1, 2)
		c.finish(nil)
		c.has(nil).Release(true)
		next.has(nil).Release(true)
		lease, ok := f.TryAcquire(testKey)
		if !ok {
			t.Fatal("what was dialled is still frozen")
		}
		lease.Release(true)
		f.expect(1, 0, 0, 0)
	})
}

// With the thaw, whoever waits gets what was kept, and need not wait for the dial.
func TestThawServesWaiters(t *testing.T) {
	bubble(t, Config{Size: 2}, func(f *fixture) {
		lease := f.lend(testKey)
		server := lease.Server
		lease.Release(true)
		f.Freeze("acme", time.Now())
		c := f.askSlowly(testKey)
		c.waits()
		f.Thaw("acme")
		c.has(server)
		c.dial <- dialResult{} // for nobody
		f.expect(1, 1, 0, 0)
		c.lease.Release(true)
	})
}

// Closing a frozen one waits for nobody, even where places are counted.
func TestCloseFrozen(t *testing.T) {
	bubble(t, Config{MaxTenantConnections: 1}, func(f *fixture) {
		f.lend(testKey).Release(true)
		f.Freeze("acme", time.Now())
		before := time.Now()
		f.CloseTenant("acme", "test")
		f.expect(0, 0, 0, 0)
		if took := time.Since(before); took > 0 {
			t.Errorf("it took %v", took)
		}
	})
}
