package pool

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Promises: G110.
func TestMaxConnections(t *testing.T) {
	t.Run("bounds all tenants together", func(t *testing.T) {
		shareBubble(t, Config{MaxConnections: 3}, func(f *fixture) {
			a, b := f.flood(of("a", "x"), 2), f.flood(of("b", "x"), 2)
			have(t, "at first", []*flood{a, b}, 2, 1)
			a.turn(false)
			have(t, "then", []*flood{a, b}, 1, 2)
			end(a, b)
		})
	})
	t.Run("waits until the connection before is closed at the server", func(t *testing.T) {
		shareBubble(t, Config{MaxConnections: 1}, func(f *fixture) {
			lease := f.lend(of("a", "x"))
			b := f.flood(of("b", "x"), 1)
			lease.Release(true)
			time.Sleep(courtesy - time.Nanosecond)
			synctest.Wait()
			if f.made() != 1 {
				t.Error("dialled too early")
			}
			time.Sleep(time.Nanosecond)
			if b.has() != 1 {
				t.Error("not dialled")
			}
			end(b)
		})
	})
	t.Run("does not wait for one that never closes", func(t *testing.T) {
		bubble(t, Config{MaxConnections: 1}, func(f *fixture) {
			f.courtesy = time.Hour
			lease := f.lend(of("a", "x"))
			b := f.flood(of("b", "x"), 1)
			lease.Release(true)
			time.Sleep(patience - time.Nanosecond)
			if b.has() != 0 {
				t.Error("dialled too early")
			}
			time.Sleep(time.Nanosecond)
			if b.has() != 1 {
				t.Error("not dialled")
			}
			end(b)
		})
	})
	t.Run("does not hold up the end", func(t *testing.T) {
		bubble(t, Config{MaxConnections: 1}, func(f *fixture) {
			f.courtesy = time.Hour
			f.lend(of("a", "x")).Release(true)
			f.CloseTenant("a", "test")
			begin := time.Now()
			f.Group.Close()
			if time.Since(begin) > 0 {
				t.Error("it took a while")
			}
		})
	})
	t.Run("is no limit if 0", func(t *testing.T) {
		shareBubble(t, Config{}, func(f *fixture) {
			a := f.flood(of("a", "x"), 50)
			have(t, "all", []*flood{a}, 50)
			end(a)
		})
	})
	t.Run("counts a dial that fails no more", func(t *testing.T) {
		shareBubble(t, Config{MaxConnections: 1}, func(f *fixture) {
			a := f.askSlowly(of("a", "x"))
			b := f.flood(of("b", "x"), 1)
			have(t, "during it", []*flood{b}, 0)
			broken := errors.New("broken")
			a.finish(broken)
			a.failed(broken)
			have(t, "then", []*flood{b}, 1)
			end(b)
		})
	})
	t.Run("counts a connection that breaks no more", func(t *testing.T) {
		freeBubble(t, Config{MaxConnections: 1}, func(f *fixture) {
			lease := f.lend(of("a", "x"))
			b := f.flood(of("b", "x"), 1)
			lease.Release(false)
			have(t, "then", []*flood{b}, 1)
			end(b)
		})
	})
	t.Run("forgets who has left", func(t *testing.T) {
		shareBubble(t, Config{MaxConnections: 1}, func(f *fixture) {
			a := f.flood(of("a", "x"), 1)
			b := f.enqueue(of("b", "x"))
			if !b.Cancel() {
				t.Fatal("not cancelled")
			}
			if f.Group.hungry.Len() != 0 {
				t.Error("it is hungry still")
			}
			a.turn(true)
			have(t, "then", []*flood{a}, 1)
			if f.made() != 1 {
				t.Error("the connection was closed for nobody")
			}
			end(a)
		})
	})
}

// Promises: G110.
func TestMaxTenantConnections(t *testing.T) {
	t.Run("closes what lies idle in another pool", func(t *testing.T) {
		shareBubble(t, Config{MaxTenantConnections: 2}, func(f *fixture) {
			first, second := f.lend(of("a", "x")), f.lend(of("a", "y"))
			other := f.lend(of("b", "x"))
			other.Release(true)
			first.Release(true)
			time.Sleep(time.Second)
			second.Release(true)
			z := f.flood(of("a", "z"), 1)
			have(t, "z", []*flood{z}, 1)
			if first.Idle() || !second.Idle() || !other.Idle() {
				t.Error("another was closed")
			}
			end(z)
		})
	})
	t.Run("closes what comes back and is not needed", func(t *testing.T) {
		shareBubble(t, Config{MaxTenantConnections: 1}, func(f *fixture) {
			lease := f.lend(of("a", "x"))
			y := f.flood(of("a", "y"), 1)
			have(t, "y", []*flood{y}, 0)
			lease.Release(true)
			have(t, "y", []*flood{y}, 1)
			end(y)
		})
	})
	t.Run("does not keep other tenants from their share", func(t *testing.T) {
		shareBubble(t, Config{MaxTenantConnections: 1, MaxConnections: 2}, func(f *fixture) {
			a := f.flood(of("a", "x"), 5)
			b := f.flood(of("b", "x"), 1)
			have(t, "both", []*flood{a, b}, 1, 1)
			end(a, b)
		})
	})
}

// As many are closed as are wanted and no more, however long it takes.
// Promises: G110.
func TestNoMoreIsClosedThanWanted(t *testing.T) {
	for _, config := range []Config{{MaxConnections: 3}, {MaxTenantConnections: 3}} {
		key := of("a", "y")
		if config.MaxConnections > 0 {
			key.Tenant = "b"
		}
		t.Run("of those that are needed", func(t *testing.T) {
			shareBubble(t, config, func(f *fixture) {
				rich, poor := f.flood(of("a", "x"), 10), f.flood(key, 1)
				for range 3 {
					rich.turn(false)
				}
				have(t, "then", []*flood{rich, poor}, 2, 1)
				if f.made() != 4 {
					t.Errorf("%d were made", f.made())
				}
				end(rich, poor)
			})
		})
		t.Run("of those that come back", func(t *testing.T) {
			shareBubble(t, config, func(f *fixture) {
				rich, poor := f.flood(of("a", "x"), 3), f.flood(key, 1)
				for range 3 {
					rich.turn(false)
				}
				f.expectIdle(rich.key, 2)
				have(t, "then", []*flood{poor}, 1)
				f.expectIdle(rich.key, 2)
				end(rich, poor)
			})
		})
		t.Run("of those that are idle", func(t *testing.T) {
			shareBubble(t, config, func(f *fixture) {
				rich := f.flood(of("a", "x"), 2)
				other := f.flood(of("a", "z"), 1)
				rich.turn(false)
				rich.turn(false)
				other.turn(false)
				f.CloseRole("a", "z") // is on its way
				poor := f.flood(key, 1)
				have(t, "then", []*flood{poor}, 1)
				f.expectIdle(rich.key, 2)
				end(rich, poor)
			})
		})
	}
}

// What comes back after the end is closed by then.
func TestReleaseAfterCloseWithBounds(t *testing.T) {
	shareBubble(t, Config{MaxConnections: 1}, func(f *fixture) {
		lease := f.lend(testKey)
		f.Group.Close()
		lease.Release(true)
		if f.open() > 0 {
			t.Error("it is open")
		}
	})
}
