package pool

import (
	"testing"
	"testing/synctest"
	"time"
)

// uses checks what is being done with the tenant's server connections.
func (f *fixture) uses(want Use) {
	f.t.Helper()
	synctest.Wait()
	got := f.Use("acme")
	if got.Working != want.Working || got.Disregarded != want.Disregarded || !got.Since.Equal(want.Since) {
		f.t.Errorf("use is %+v, want %+v", got, want)
	}
}

func TestUse(t *testing.T) {
	bubble(t, Config{Size: 1}, func(f *fixture) {
		f.uses(Use{})
		dialling := f.askSlowly(testKey)
		f.uses(Use{Working: 1})
		dialling.finish(nil)
		lease := dialling.has(nil)
		f.uses(Use{Working: 1})
		waiting := f.ask(testKey)
		f.uses(Use{Working: 2})
		lease.Release(true)
		first := time.Now()
		lease = waiting.has(lease.Server)
		f.uses(Use{Working: 1, Since: first})
		time.Sleep(time.Minute)
		if since := lease.Since(); !since.Equal(first) {
			t.Errorf("lent since %v, want %v", since, first)
		}
		lease.Release(true)
		f.uses(Use{Since: first.Add(time.Minute)})

		// The pool's own looks do not count.
		time.Sleep(time.Minute)
		lease.Inspect()
		f.uses(Use{Since: first.Add(time.Minute)})

		f.lend(testKey).ReleaseUnused()
		f.uses(Use{Since: first.Add(time.Minute)})

		// Nor does who is to be disregarded, each time anew.
		lease = f.lend(testKey)
		lease.Disregard()
		lease.Disregard()
		f.uses(Use{Disregarded: 1, Since: first.Add(time.Minute)})
		lease.Release(true)
		f.uses(Use{Since: first.Add(time.Minute)})
		lease = f.lend(testKey)
		f.uses(Use{Working: 1, Since: first.Add(time.Minute)})
		lease.Release(false)
		f.uses(Use{})
	})
}

// When the Group forgets a tenant it tells when that was last used.
func TestDroppedIsTold(t *testing.T) {
	told := make(map[string]time.Time)
	bubble(t, Config{IdleTimeout: time.Hour, Dropped: func(tenant string, used time.Time) { told[tenant] = used }}, func(f *fixture) {
		f.lend(testKey).Release(true)
		used := time.Now()
		time.Sleep(time.Hour)
		f.expect(0, 0, 0, 0)
		if !told["acme"].Equal(used) {
			t.Errorf("told %v, want %v", told, used)
		}
	})
}

func TestVacate(t *testing.T) {
	bubble(t, Config{}, func(f *fixture) {
		f.courtesy = 5 * time.Millisecond
		other := Key{Tenant: "other"}
		f.lend(other).Release(true)
		a, b := f.lend(testKey), f.lend(Key{Tenant: "acme", Role: "another"})
		a.Release(true)
		if f.Vacate("acme", time.Now()) {
			t.Error("vacated though one is lent")
		}
		f.expect(1, 0, 0, 0)
		used := time.Now()
		time.Sleep(time.Minute)
		b.Release(true)
		if f.Vacate("acme", used) {
			t.Error("vacated though one was used since")
		}
		lease := f.lend(testKey)
		lease.Disregard()
		if f.Vacate("acme", time.Now()) {
			t.Error("vacated though one is lent, if only to somebody to be disregarded")
		}
		lease.Release(true)
		begin := time.Now()
		if !f.Vacate("acme", time.Now()) {
			t.Error("not vacated")
		}
		if took := time.Since(begin); took != f.courtesy {
			t.Errorf("took %v: the servers have not hung up, or it has waited for more", took)
		}
		f.expect(0, 0, 0, 0)
		if f.Idle("other") != 1 {
			t.Error("the other tenant's was closed")
		}
		if !f.Vacate("acme", time.Time{}) {
			t.Error("there is nothing, and it was not vacated")
		}
	})
}

// Who waits or dials is in the way.
func TestVacateWhileDialling(t *testing.T) {
	bubble(t, Config{}, func(f *fixture) {
		c := f.askSlowly(testKey)
		if f.Vacate("acme", time.Now()) {
			t.Error("vacated though somebody dials")
		}
		c.finish(nil)
		c.has(nil).Release(true)
		f.expect(1, 0, 0, 0)
	})
}

// A server that does not hang up is not waited for long.
func TestVacateDoesNotWaitForEver(t *testing.T) {
	bubble(t, Config{}, func(f *fixture) {
		f.courtesy = time.Hour
		f.lend(testKey).Release(true)
		begin := time.Now()
		if !f.Vacate("acme", time.Now()) || time.Since(begin) != patience {
			t.Errorf("it has taken %v", time.Since(begin))
		}
	})
}
