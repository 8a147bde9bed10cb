package pool

import (
	"testing"
	"time"
)

// errFull is a server's word that it takes no more connections.
var errFull = &RefusedError{Code: "53300"}

func TestFull(t *testing.T) {
	t.Run("waits for those there are", func(t *testing.T) {
		bubble(t, Config{}, func(f *fixture) {
			lease := f.lend(testKey)
			first, second := f.askSlowly(testKey), f.askSlowly(testKey)
			first.finish(errFull)
			second.finish(errFull)
			f.expect(0, 1, 0, 2) // nobody has failed, and nothing is dialled
			lease.Release(true)
			first.has(lease.Server).Release(true)
			second.has(lease.Server).Release(true)
			f.expect(1, 0, 0, 0)
		})
	})
	t.Run("tries later", func(t *testing.T) {
		bubble(t, Config{}, func(f *fixture) {
			lease := f.lend(testKey)
			c := f.askSlowly(testKey)
			c.finish(errFull)
			time.Sleep(fullPause - time.Nanosecond)
			f.expect(0, 1, 0, 1)
			time.Sleep(time.Nanosecond)
			f.expect(0, 1, 1, 1)
			c.finish(errFull) // again
			time.Sleep(fullPause)
			c.finish(nil)
			c.has(nil).Release(true)
			lease.Release(true)
			f.expect(2, 0, 0, 0)
		})
	})
	t.Run("tries later for all who wait", func(t *testing.T) {
		bubble(t, Config{}, func(f *fixture) {
			lease := f.lend(testKey)
			clients := []*client{f.askSlowly(testKey), f.askSlowly(testKey), f.askSlowly(testKey)}
			for _, c := range clients {
				c.finish(errFull)
			}
			f.expect(0, 1, 0, 3)
			time.Sleep(fullPause)
			f.expect(0, 1, 3, 3)
			for _, c := range clients {
				c.finish(nil)
				c.has(nil).Release(true)
			}
			lease.Release(true)
		})
	})
	t.Run("replaces what is closed", func(t *testing.T) {
		bubble(t, Config{}, func(f *fixture) {
			lease := f.lend(testKey)
			c := f.askSlowly(testKey)
			c.finish(errFull)
			f.expect(0, 1, 0, 1)
			lease.Release(false)
			time.Sleep(fullPause)
			c.finish(nil)
			c.has(nil).Release(true)
		})
	})
	t.Run("is an error for a pool that has none", func(t *testing.T) {
		bubble(t, Config{}, func(f *fixture) {
			first, second, third := f.askSlowly(testKey), f.askSlowly(testKey), f.askSlowly(testKey)
			first.finish(errFull)
			first.waits() // another may come
			second.finish(errFull)
			second.waits()
			third.finish(errFull)
			for _, c := range []*client{first, second, third} {
				c.failed(errFull)
			}
			f.expect(0, 0, 0, 0)
			if c := f.ask(testKey); c.has(nil) != nil { // and tried again by the next
				c.lease.Release(true)
			}
		})
	})
	t.Run("is none for who is served in time", func(t *testing.T) {
		bubble(t, Config{}, func(f *fixture) {
			first, second := f.askSlowly(testKey), f.askSlowly(testKey)
			second.finish(errFull)
			first.finish(nil)
			first.has(nil).Release(true)
			second.has(first.lease.Server).Release(true)
		})
	})
	t.Run("other errors are not", func(t *testing.T) {
		bubble(t, Config{}, func(f *fixture) {
			lease := f.lend(testKey)
			c := f.askSlowly(testKey)
			other := &RefusedError{Code: "3D000"}
			c.finish(other)
			c.failed(other)
			lease.Release(true)
		})
	})
}

// What the tenant's other pools keep idle must not keep a client out.
func TestFullMakesRoom(t *testing.T) {
	bubble(t, Config{}, func(f *fixture) {
		stranger := f.lend(Key{Tenant: "other"})
		stranger.Release(true)
		var others []*Lease
		for _, role := range []string{"a", "b", "c", "d", "e", "f"} {
			others = append(others, f.lend(Key{Tenant: "acme", Role: role}))
		}
		for _, lease := range others {
			lease.Release(true)
			time.Sleep(time.Second)
		}

		c := f.askSlowly(testKey)
		for i, lease := range others {
			c.finish(errFull)
			if closed, _ := f.hungUp(lease.Server); !closed {
				t.Errorf("number %d, which was idle for longest, was not closed", i)
			}
			if n := f.Idle("acme"); n != len(others)-1-i {
				t.Errorf("%d are idle after %d tries", n, i+1)
			}
			c.waits()
			time.Sleep(roomPause - time.Nanosecond)
			f.expect(0, 0, 0, 1) // PostgreSQL needs a moment
			time.Sleep(time.Nanosecond)
		}
		for range int(fullPause/roomPause) - 1 { // it may need more than one
			c.finish(errFull)
			c.waits()
			time.Sleep(roomPause)
		}
		c.finish(errFull) // there is no more
		c.failed(errFull)
		if closed, _ := f.hungUp(stranger.Server); closed {
			t.Error("another tenant's was closed")
		}
	})
}
