package pool

import (
	"testing"
	"testing/synctest"
	"time"
)

// epoch is some time.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func TestIdleTimeout(t *testing.T) {
	bubble(t, Config{IdleTimeout: time.Minute, Lifetime: time.Hour}, func(f *fixture) {
		first, second := f.lend(testKey), f.lend(testKey)
		server := first.Server
		first.Release(true)
		time.Sleep(30 * time.Second)
		second.Release(true)
		time.Sleep(29 * time.Second)
		f.expect(2, 0, 0, 0)
		time.Sleep(time.Second)
		f.expect(1, 0, 0, 0)
		if closed, said := f.hungUp(server); !closed || said != "X\x00\x00\x00\x04" {
			t.Errorf("closed is %v, and it was told %q, want Terminate", closed, said)
		}
		time.Sleep(30 * time.Second)
		f.expect(0, 0, 0, 0)
	})
}

// Use starts the time anew, and a connection that is lent has no such time.
func TestIdleTimeoutOfBusy(t *testing.T) {
	bubble(t, Config{IdleTimeout: time.Minute}, func(f *fixture) {
		for range 5 {
			lease := f.lend(testKey)
			lease.Release(true)
			time.Sleep(40 * time.Second)
		}
		lease := f.lend(testKey)
		time.Sleep(time.Hour)
		f.expect(0, 1, 0, 0)
		lease.Release(true)
		time.Sleep(59 * time.Second)
		f.expect(1, 0, 0, 0)
		time.Sleep(time.Second)
		f.expect(0, 0, 0, 0)
		if f.made() != 1 {
			t.Errorf("%d made", f.made())
		}
	})
}

// Promises: G109.
func TestIdleTimeoutLeavesMinSize(t *testing.T) {
	bubble(t, Config{IdleTimeout: time.Minute, MinSize: 2}, func(f *fixture) {
		leases := []*Lease{f.lend(testKey), f.lend(testKey), f.lend(testKey), f.lend(testKey)}
		for _, lease := range leases {
			lease.Release(true)
		}
		time.Sleep(time.Hour)
		f.expect(2, 0, 0, 0)
	})
}

// Promises: G115.
func TestNoTimeouts(t *testing.T) {
	bubble(t, Config{}, func(f *fixture) {
		f.lend(testKey).Release(true)
		time.Sleep(10000 * time.Hour)
		f.expect(1, 0, 0, 0)
		if n := len(f.timetable.deadlines); n > 0 {
			t.Errorf("%d deadlines", n)
		}
	})
}

func TestLifetimeOfLent(t *testing.T) {
	bubble(t, Config{Lifetime: time.Hour, Size: 1}, func(f *fixture) {
		lease := f.lend(testKey)
		server := lease.Server
		time.Sleep(53 * time.Minute)
		lease.Release(true)
		if lease = f.lend(testKey); lease.Server != server {
			t.Fatal("closed too early")
		}
		time.Sleep(14 * time.Minute)
		f.expect(0, 1, 0, 0)
		c := f.ask(testKey)
		lease.Release(true)
		if closed, said := f.hungUp(server); !closed || said != "X\x00\x00\x00\x04" {
			t.Errorf("closed is %v, and it was told %q, want Terminate", closed, said)
		}
		if c.has(nil).Server == server {
			t.Error("lent again")
		}
		c.lease.Release(true)
	})
}

// Idle ones end too, within a tenth of their lifetime and not all at once, with
// and without an idle timeout.
// Promises: G109.
func TestLifetimeOfIdle(t *testing.T) {
	for _, timeout := range []time.Duration{0, 40 * time.Minute, 50 * time.Minute} {
		t.Run(timeout.String(), func(t *testing.T) {
			bubble(t, Config{Lifetime: time.Hour, IdleTimeout: timeout, MinSize: 100}, func(f *fixture) {
				leases := make([]*Lease, 100)
				for i := range leases {
					leases[i] = f.lend(testKey)
				}
				for _, lease := range leases {
					lease.Release(true)
				}
				time.Sleep(54*time.Minute - time.Nanosecond)
				f.expect(100, 0, 0, 0)
				most, last := 0, 100
				for range 12 {
					time.Sleep(time.Minute)
					synctest.Wait()
					now := f.stats().Idle
					most, last = max(most, last-now), now
				}
				time.Sleep(time.Millisecond)
				f.expect(0, 0, 0, 0)
				if most > 40 {
					t.Errorf("%d of 100 ended within a minute", most)
				}
			})
		})
	}
}

func TestTimetable(t *testing.T) {
	t.Parallel()
	table := newTimetable()
	var ran []int
	entries := make([]*deadline, 6)
	for i := range entries {
		entries[i] = &deadline{run: func(time.Time) { ran = append(ran, i) }}
	}
	at := func(n int) time.Time { return epoch.Add(time.Duration(n) * time.Second) }
	for i, n := range []int{5, 3, 9, 1, 7, 3} {
		table.add(entries[i], at(n))
	}
	table.remove(entries[1])
	table.remove(entries[1])
	table.add(entries[2], at(2)) // moved
	if next := table.run(at(5)); next != at(7) {
		t.Errorf("next is %v", next)
	}
	want := []int{3, 2, 5, 0}
	if len(ran) != len(want) {
		t.Fatalf("ran %v, want %v", ran, want)
	}
	for i := range want {
		if ran[i] != want[i] {
			t.Fatalf("ran %v, want %v", ran, want)
		}
	}
	if entries[0].listed() || entries[1].listed() || !entries[4].listed() {
		t.Error("who is listed is wrong")
	}
	if next := table.run(at(100)); !next.IsZero() {
		t.Errorf("next is %v", next)
	}
}
