package pool

import (
	"testing"
	"testing/synctest"
	"time"
)

// A reload makes no second pool, and who waits is served at once if the new size
// allows it (pgdog 483).
func TestReconfigureGrows(t *testing.T) {
	bubble(t, Config{Size: 1}, func(f *fixture) {
		lease := f.lend(testKey)
		first, second := f.ask(testKey), f.ask(testKey)
		first.waits()
		f.Reconfigure(Config{Size: 2})
		given := first.has(nil)
		second.waits()
		f.expect(0, 2, 0, 1)
		if n := len(f.Stats()); n != 1 {
			t.Errorf("%d pools", n)
		}
		f.Reconfigure(Config{Size: 2})
		f.expect(0, 2, 0, 1)
		lease.Release(true)
		second.has(lease.Server).Release(true)
		given.Release(true)
		f.expect(2, 0, 0, 0)
	})
}

// Promises: G110.
func TestReconfigureShrinks(t *testing.T) {
	for name, config := range map[string]Config{
		"size": {Size: 1}, "tenant": {MaxTenantConnections: 1}, "all": {MaxConnections: 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Config{}, func(f *fixture) {
				f.courtesy = courtesy
				var leases []*Lease
				for range 4 {
					leases = append(leases, f.lend(testKey))
				}
				leases[0].Release(true)
				leases[1].Release(true)
				f.Reconfigure(config)
				time.Sleep(2 * courtesy)
				f.expect(0, 2, 0, 0) // the idle ones have gone
				c := f.ask(testKey)
				leases[2].Release(true) // and of those that were lent, the first to come back
				time.Sleep(2 * courtesy)
				f.expect(0, 1, 0, 1)
				leases[3].Release(true)
				c.has(leases[3].Server).Release(true)
				f.expect(1, 0, 0, 0)
			})
		})
	}
}

// New times hold for connections that are there already; unchanged ones leave
// them as they are.
func TestReconfigureTimes(t *testing.T) {
	bubble(t, Config{IdleTimeout: time.Hour, Lifetime: 24 * time.Hour}, func(f *fixture) {
		lent, idle := f.lend(testKey), f.lend(testKey)
		idle.Release(true)
		end := lent.connection.end
		f.Reconfigure(Config{IdleTimeout: time.Minute, Lifetime: 24 * time.Hour})
		if lent.connection.end != end {
			t.Error("a lifetime that has not changed was set anew")
		}
		time.Sleep(time.Minute)
		f.expect(0, 1, 0, 0)
		lent.Release(true)
		time.Sleep(time.Minute - 1)
		f.expect(1, 0, 0, 0)
		time.Sleep(time.Nanosecond)
		f.expect(0, 0, 0, 0)

		lent = f.lend(testKey)
		f.Reconfigure(Config{Lifetime: time.Minute})
		time.Sleep(2 * time.Minute)
		lent.Release(true)
		f.expect(0, 0, 0, 0)
		f.lend(testKey).Release(true)
		f.Reconfigure(Config{})
		time.Sleep(24 * time.Hour)
		f.expect(1, 0, 0, 0)
	})
}

// A reserve that is new opens for who has waited already.
func TestReconfigureReserve(t *testing.T) {
	bubble(t, Config{Size: 1}, func(f *fixture) {
		lease := f.lend(testKey)
		c := f.ask(testKey)
		f.Reconfigure(Config{Size: 1, ReserveSize: 1, ReserveTimeout: time.Second})
		time.Sleep(time.Second - 1)
		c.waits()
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		c.has(nil).Release(true)
		lease.Release(true)
	})
}
