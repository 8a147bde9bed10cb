package pool

import (
	"context"
	"errors"
	"testing"
)

func TestWaiterLeaves(t *testing.T) {
	t.Run("alone", func(t *testing.T) {
		bubble(t, Config{}, func(f *fixture) {
			c := f.askSlowly(testKey)
			c.leave(errLeft)
			c.failed(errLeft)
			if c.dialing() {
				t.Error("its dial goes on")
			}
			f.expect(0, 0, 0, 0)
		})
	})
	t.Run("and others need its dial", func(t *testing.T) {
		bubble(t, Config{Size: 1}, func(f *fixture) {
			first, second := f.askSlowly(testKey), f.askSlowly(testKey)
			first.leave(errLeft)
			first.failed(errLeft)
			f.expect(0, 0, 1, 1)
			first.finish(nil)
			second.has(nil).Release(true)
		})
	})
	t.Run("from the middle of the queue", func(t *testing.T) {
		bubble(t, Config{Size: 1}, func(f *fixture) {
			lease := f.lend(testKey)
			server := lease.Server
			clients := []*client{f.ask(testKey), f.ask(testKey), f.ask(testKey), f.ask(testKey)}
			clients[1].leave(errLeft)
			clients[3].leave(errLeft)
			clients[1].failed(errLeft)
			clients[3].failed(errLeft)
			f.expect(0, 1, 0, 2)
			lease.Release(true)
			clients[2].waits()
			clients[0].has(server).Release(true)
			clients[2].has(server).Release(true)
		})
	})
	t.Run("before it has come", func(t *testing.T) {
		bubble(t, Config{}, func(f *fixture) {
			ctx, cancel := context.WithCancelCause(f.t.Context())
			cancel(errLeft)
			if _, err := f.Acquire(ctx, testKey, f.connect); !errors.Is(err, errLeft) {
				t.Error(err)
			}
			if f.made() > 0 {
				t.Error("something was dialled")
			}
			f.lend(testKey).Release(true)
			if _, err := f.Acquire(ctx, testKey, f.connect); !errors.Is(err, errLeft) {
				t.Errorf("got an idle one, error %v", err)
			}
		})
	})
}

// A server connection handed to somebody who leaves at that instant goes to the
// next, with what was early on it.
// Promises: G111.
func TestHandedToOneWhoLeaves(t *testing.T) {
	for _, others := range []int{0, 1} {
		t.Run([]string{"nobody waits", "another waits"}[others], func(t *testing.T) {
			bubble(t, Config{Size: 1}, func(f *fixture) {
				lease := f.lend(testKey)
				server := lease.Server
				leaving := &wait{served: make(chan struct{})}
				f.Enqueue(&leaving.request, testKey, f.connect, leaving.serve)
				var next *client
				if others > 0 {
					next = f.ask(testKey)
				}
				lease.Release(true)
				server.Early = []byte("early")
				leaving.giveUp() // as Acquire does when it sees first that ctx has ended
				if next == nil {
					f.expect(1, 0, 0, 0)
					next = f.ask(testKey)
				}
				if l := next.has(server); string(l.Early) != "early" {
					t.Errorf("Early is %q", l.Early)
				}
				next.lease.Release(true)
			})
		})
	}
}
