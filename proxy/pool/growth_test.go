package pool

import (
	"testing"
	"time"
)

func TestReserve(t *testing.T) {
	config := Config{Size: 1, ReserveSize: 1, ReserveTimeout: 5 * time.Second}
	t.Run("opens for who has waited", func(t *testing.T) {
		bubble(t, config, func(f *fixture) {
			lease := f.lend(testKey)
			first := f.ask(testKey)
			time.Sleep(3 * time.Second)
			second := f.ask(testKey)
			time.Sleep(2*time.Second - time.Nanosecond)
			f.expect(0, 1, 0, 2)
			time.Sleep(time.Nanosecond)
			f.expect(0, 2, 0, 1)
			time.Sleep(time.Hour)
			second.waits() // it was one
			first.has(nil).Release(true)
			second.has(first.lease.Server).Release(true)
			lease.Release(true)
			f.expect(2, 0, 0, 0)
		})
	})
	t.Run("waits for the oldest", func(t *testing.T) {
		bubble(t, config, func(f *fixture) {
			lease := f.lend(testKey)
			server := lease.Server
			first := f.ask(testKey)
			time.Sleep(3 * time.Second)
			second := f.ask(testKey)
			lease.Release(true)
			lease = first.has(server)
			time.Sleep(5*time.Second - time.Nanosecond)
			second.waits()
			time.Sleep(time.Nanosecond)
			second.has(nil).Release(true)
			lease.Release(true)
		})
	})
	t.Run("does not put off a new try", func(t *testing.T) {
		bubble(t, Config{Size: 2, ReserveSize: 1, ReserveTimeout: 5 * time.Second}, func(f *fixture) {
			lease := f.lend(testKey)
			first, second := f.askSlowly(testKey), f.ask(testKey)
			first.finish(errFull)
			f.expect(0, 1, 0, 2)
			time.Sleep(fullPause)
			first.finish(nil)
			first.has(nil).Release(true)
			second.has(nil).Release(true)
			lease.Release(true)
		})
	})
	t.Run("stays closed without a wait", func(t *testing.T) {
		bubble(t, Config{Size: 1, ReserveSize: 1}, func(f *fixture) {
			lease := f.lend(testKey)
			c := f.ask(testKey)
			time.Sleep(time.Hour)
			f.expect(0, 1, 0, 1)
			lease.Release(true)
			c.has(nil).Release(true)
		})
	})
}
