package pool

import (
	"testing"
	"time"
)

// Promises: G114.
func TestConnections(t *testing.T) {
	bubble(t, Config{Lifetime: time.Hour}, func(f *fixture) {
		begin := time.Now()
		first, second := f.lend(testKey), f.lend(testKey)
		other := Key{Tenant: "other"}
		third := f.lend(other)
		second.key.PID = 7
		time.Sleep(time.Second)
		first.Release(true)
		third.Release(true)
		f.CloseTenant("other", "test") // it is gone
		f.CloseTenant("acme", "test")
		fresh := f.lend(testKey)
		time.Sleep(time.Second)

		all := make(map[*Server]ConnectionStats)
		for _, c := range f.Connections() {
			all[c.Server] = c
			if c.Remote == nil || c.Local == nil || c.Remote.Network() != "unix" || c.TLS {
				t.Errorf("ends %v and %v, TLS %v", c.Local, c.Remote, c.TLS)
			}
		}
		want := map[*Server]ConnectionStats{
			second.Server: {Key: testKey, PID: 7, State: Lent, Since: begin, Made: begin, Retired: true},
			fresh.Server:  {Key: testKey, State: Lent, Since: begin.Add(time.Second), Made: begin.Add(time.Second)},
		}
		if len(all) != len(want) {
			t.Errorf("%d connections, want %d", len(all), len(want))
		}
		for server, w := range want {
			got := all[server]
			got.Server, got.Local, got.Remote = nil, nil, nil
			if got != w {
				t.Errorf("got %+v, want %+v", got, w)
			}
		}

		fresh.Release(true)
		second.Release(true)
		for _, c := range f.Connections() {
			if c.Server != fresh.Server || c.State != Idle || c.Since != begin.Add(2*time.Second) {
				t.Errorf("got %+v", c)
			}
		}
		time.Sleep(time.Second)
		f.lend(testKey)
		if c := f.Connections()[0]; c.State != Lent || c.Since != begin.Add(3*time.Second) {
			t.Errorf("got %+v", c)
		}
		time.Sleep(2 * time.Hour)
		if c := f.Connections()[0]; !c.Retired {
			t.Error("it is not said to be too old")
		}
		waiter := f.ask(testKey)
		waiter.has(nil).Release(false)
		fresh.Release(true)
		if n := len(f.Connections()); n != 0 {
			t.Errorf("%d are left", n)
		}
	})
}

// A connection handed over is lent anew.
func TestSinceOfHandedOver(t *testing.T) {
	bubble(t, Config{Size: 1}, func(f *fixture) {
		lease := f.lend(testKey)
		c := f.ask(testKey)
		time.Sleep(time.Minute)
		now := time.Now()
		lease.Release(true)
		if got := f.Connections()[0]; got.Since != now || got.State != Lent {
			t.Errorf("got %+v", got)
		}
		c.has(nil).Release(true)
	})
}
