package pool

import (
	"testing"
)

// Promises: G114.
func TestCloseTenant(t *testing.T) {
	bubble(t, Config{}, func(f *fixture) {
		other := Key{Tenant: "other"}
		f.lend(other).Release(true)
		lent, idle := f.lend(testKey), f.lend(testKey)
		server := lent.Server
		idle.Release(true)
		f.CloseTenant("acme", "test")
		if closed, said := f.hungUp(idle.Server); !closed || said != "X\x00\x00\x00\x04" {
			t.Errorf("closed is %v, and it was told %q, want Terminate", closed, said)
		}
		f.expect(0, 1, 0, 0)
		if closed, _ := f.hungUp(server); closed {
			t.Error("the lent one was closed")
		}
		fresh := f.lend(testKey)
		lent.Release(true)
		if closed, said := f.hungUp(server); !closed || said != "X\x00\x00\x00\x04" {
			t.Errorf("closed is %v, and it was told %q, want Terminate", closed, said)
		}
		fresh.Release(true) // it came after
		f.expect(1, 0, 0, 0)
		if f.Idle("other") != 1 {
			t.Error("the other tenant's was closed")
		}
		f.CloseTenant("acme", "test")
		f.CloseTenant("acme", "nothing to do")
		f.expect(0, 0, 0, 0)
	})
}

// Promises: G114.
func TestCloseTenantWhileWaiting(t *testing.T) {
	bubble(t, Config{Size: 1}, func(f *fixture) {
		lease := f.lend(testKey)
		old := lease.Server
		c := f.ask(testKey)
		f.CloseTenant("acme", "test")
		c.waits()
		lease.Release(true)
		if c.has(nil).Server == old {
			t.Error("the old one was lent again")
		}
		c.lease.Release(true)
		f.expect(1, 0, 0, 0)
	})
}

func TestCloseTenantWhileDialling(t *testing.T) {
	bubble(t, Config{Size: 1}, func(f *fixture) {
		c := f.askSlowly(testKey)
		f.CloseTenant("acme", "test")
		f.expect(0, 0, 1, 1)
		c.finish(nil)
		if closed, _ := f.hungUp(f.servers[0]); !closed {
			t.Error("the old one was not closed")
		}
		c.waits()
		f.expect(0, 0, 1, 1)
		c.finish(nil)
		c.has(f.servers[1]).Release(true)
	})
}

func TestCloseRoleAndDatabase(t *testing.T) {
	for _, test := range []struct {
		name  string
		close func(*Group)
		stays func(Key) bool
	}{
		{"role", func(g *Group) { g.CloseRole("acme", "app") }, func(k Key) bool { return k.Role != "app" }},
		{"database", func(g *Group) { g.CloseDatabase("acme", "app") }, func(k Key) bool { return k.Database != "app" }},
		{"tenant", func(g *Group) { g.CloseTenant("acme", "test") }, func(Key) bool { return false }},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, Config{}, func(f *fixture) {
				var servers []*Server
				var keys []Key
				for _, tenant := range []string{"acme", "other"} {
					for _, role := range []string{"app", "owner"} {
						for _, database := range []string{"app", "postgres"} {
							key := Key{Tenant: tenant, Role: role, Database: database}
							lease := f.lend(key)
							servers, keys = append(servers, lease.Server), append(keys, key)
							lease.Release(true)
						}
					}
				}
				test.close(f.Group)
				for i, key := range keys {
					closed, _ := f.hungUp(servers[i])
					if want := key.Tenant == "acme" && !test.stays(key); closed != want {
						t.Errorf("%+v: closed is %v", key, closed)
					}
				}
			})
		})
	}
}
