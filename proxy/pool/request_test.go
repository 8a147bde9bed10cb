package pool

import (
	"errors"
	"testing"
	"testing/synctest"
)

// enqueued is a Request and what was delivered to it.
type enqueued struct {
	Request
	t     *testing.T
	calls int
	lease *Lease
	err   error
}

func (f *fixture) enqueue(key Key) *enqueued {
	e := &enqueued{t: f.t}
	f.Enqueue(&e.Request, key, f.connect, e.deliver)
	return e
}

func (e *enqueued) deliver(lease *Lease, err error) {
	e.calls++
	e.lease, e.err = lease, err
}

// has checks that s was delivered, or any if it is nil, and once.
func (e *enqueued) has(s *Server) *Lease {
	e.t.Helper()
	synctest.Wait()
	if e.calls != 1 || e.err != nil || s != nil && e.lease.Server != s {
		e.t.Fatalf("%d deliveries, the last %v, error %v", e.calls, e.lease, e.err)
	}
	return e.lease
}

func (e *enqueued) waits() {
	e.t.Helper()
	synctest.Wait()
	if e.calls > 0 {
		e.t.Fatalf("%d deliveries, the last %v, error %v", e.calls, e.lease, e.err)
	}
}

func TestEnqueue(t *testing.T) {
	t.Run("has one dialled", func(t *testing.T) {
		bubble(t, Config{}, func(f *fixture) {
			f.enqueue(testKey).has(nil).Release(true)
			f.expect(1, 0, 0, 0)
		})
	})
	t.Run("takes an idle one at once", func(t *testing.T) {
		bubble(t, Config{}, func(f *fixture) {
			lease := f.lend(testKey)
			lease.Release(true)
			e := f.enqueue(testKey)
			if e.calls != 1 || e.lease != lease {
				t.Fatalf("%d deliveries, %v", e.calls, e.lease)
			}
			if e.Cancel() {
				t.Error("cancelled")
			}
			e.lease.Release(true)
		})
	})
	t.Run("takes no dead one", func(t *testing.T) {
		bubble(t, Config{}, func(f *fixture) {
			dead, good := f.lend(testKey), f.lend(testKey)
			good.Release(true)
			dead.Release(true)
			f.hangUp(dead.Server)
			f.enqueue(testKey).has(good.Server).Release(true)
		})
	})
	t.Run("takes a suitable one", func(t *testing.T) {
		bubble(t, Config{}, func(f *fixture) {
			first, second := f.lend(testKey), f.lend(testKey)
			first.Affinity = "x"
			first.Release(true)
			second.Release(true)
			e := enqueued{t: t}
			e.Affinity = "x"
			f.Enqueue(&e.Request, testKey, f.connect, e.deliver)
			e.has(first.Server).Release(true)
		})
	})
	t.Run("waits in one queue with Acquire", func(t *testing.T) {
		bubble(t, Config{Size: 1}, func(f *fixture) {
			lease := f.lend(testKey)
			server := lease.Server
			first := f.enqueue(testKey)
			second := f.ask(testKey)
			third := f.enqueue(testKey)
			fourth := f.ask(testKey)
			f.expect(0, 1, 0, 4)
			lease.Release(true)
			second.waits()
			first.has(server).Release(true)
			third.waits()
			second.has(server).Release(true)
			fourth.waits()
			third.has(server).Release(true)
			fourth.has(server).Release(true)
		})
	})
	t.Run("tells an error", func(t *testing.T) {
		bubble(t, Config{}, func(f *fixture) {
			slow := f.askSlowly(testKey)
			var e enqueued
			f.Enqueue(&e.Request, testKey, slow.connectFunc(f), e.deliver)
			broken := errors.New("broken")
			slow.finish(broken)
			slow.dial <- dialResult{broken}
			synctest.Wait()
			if e.calls != 1 || e.lease != nil || !errors.Is(e.err, broken) {
				t.Errorf("%d deliveries, %v, error %v", e.calls, e.lease, e.err)
			}
			if e.Cancel() {
				t.Error("cancelled")
			}
		})
	})
	t.Run("ends with the Group", func(t *testing.T) {
		bubble(t, Config{Size: 1}, func(f *fixture) {
			lease := f.lend(testKey)
			e := f.enqueue(testKey)
			f.Group.Close()
			if e.calls != 1 || e.lease != nil || !errors.Is(e.err, ErrClosed) {
				t.Errorf("%d deliveries, %v, error %v", e.calls, e.lease, e.err)
			}
			if e = f.enqueue(testKey); e.calls != 1 || !errors.Is(e.err, ErrClosed) {
				t.Errorf("afterwards: %d deliveries, error %v", e.calls, e.err)
			}
			lease.Release(true)
		})
	})
	t.Run("twice is an error", func(t *testing.T) {
		bubble(t, Config{Size: 1}, func(f *fixture) {
			lease := f.lend(testKey)
			e := f.enqueue(testKey)
			func() {
				defer func() {
					if recover() == nil {
						t.Error("no panic")
					}
				}()
				f.Enqueue(&e.Request, testKey, f.connect, e.deliver)
			}()
			lease.Release(true)
			e.has(nil).Release(true)
		})
	})
}

// Promises: E89.
func TestCancelRequest(t *testing.T) {
	t.Run("that waits", func(t *testing.T) {
		bubble(t, Config{Size: 1}, func(f *fixture) {
			lease := f.lend(testKey)
			first, second := f.enqueue(testKey), f.enqueue(testKey)
			if !first.Cancel() || first.Cancel() {
				t.Error("it is not cancelled once")
			}
			f.expect(0, 1, 0, 1)
			lease.Release(true)
			first.waits()
			second.has(nil).Release(true)
			f.expect(1, 0, 0, 0)
		})
	})
	t.Run("that has a dial", func(t *testing.T) {
		bubble(t, Config{}, func(f *fixture) {
			slow := &client{t: t, dial: make(chan dialResult), dialed: make(chan struct{}, 1)}
			var e enqueued
			f.Enqueue(&e.Request, testKey, slow.connectFunc(f), e.deliver)
			if !slow.dialing() || !e.Cancel() || slow.dialing() || e.calls > 0 {
				t.Error("the dial goes on, or something was delivered")
			}
			f.expect(0, 0, 0, 0)
		})
	})
	t.Run("that is new", func(t *testing.T) {
		if new(Request).Cancel() {
			t.Error("cancelled")
		}
	})
	t.Run("and enqueue it again", func(t *testing.T) {
		bubble(t, Config{Size: 1}, func(f *fixture) {
			lease := f.lend(testKey)
			e := f.enqueue(testKey)
			last := f.enqueue(testKey)
			e.Cancel()
			f.Enqueue(&e.Request, testKey, f.connect, e.deliver)
			lease.Release(true)
			e.waits() // it is the last now
			last.has(nil).Release(true)
			e.has(nil).Release(true)
		})
	})
}

// What is called may use the Group, give back, and wait anew.
func TestDeliverIsCalledWithoutLock(t *testing.T) {
	bubble(t, Config{Size: 1}, func(f *fixture) {
		lease := f.lend(testKey)
		var r Request
		turns := 0
		var deliver func(*Lease, error)
		deliver = func(lease *Lease, err error) {
			if err != nil {
				t.Error(err)
				return
			}
			if f.Lent(testKey.Tenant) != 1 || r.Cancel() {
				t.Error("not lent, or cancelled")
			}
			if turns++; turns < 5 {
				lease.Release(false)
				f.Enqueue(&r, testKey, f.connect, deliver)
				return
			}
			lease.Release(true)
		}
		f.Enqueue(&r, testKey, f.connect, deliver)
		lease.Release(true)
		f.expect(1, 0, 0, 0)
		if turns != 5 || f.made() != 5 {
			t.Errorf("%d turns, %d made", turns, f.made())
		}
	})
}

// What a wait has held is not kept beyond it.
func TestRequestKeepsNothing(t *testing.T) {
	bubble(t, Config{Size: 1}, func(f *fixture) {
		lease := f.lend(testKey)
		for _, cancel := range []bool{true, false} {
			e := f.enqueue(testKey)
			if cancel {
				e.Cancel()
			} else {
				lease.Release(true)
				lease = e.has(nil)
			}
			if r := &e.Request; r.connect != nil || r.deliver != nil || r.attempt != nil || r.connection != nil || r.next != nil || r.previous != nil {
				t.Errorf("left: %+v", r)
			}
		}
		lease.Release(true)
	})
}

func TestTryAcquire(t *testing.T) {
	bubble(t, Config{}, func(f *fixture) {
		if _, ok := f.TryAcquire(testKey); ok {
			t.Error("there was one")
		}
		f.expect(0, 0, 0, 0)
		dead, good := f.lend(testKey), f.lend(testKey)
		if _, ok := f.TryAcquire(testKey); ok {
			t.Error("a lent one was lent")
		}
		good.Release(true)
		dead.Release(true)
		f.hangUp(dead.Server)
		lease, ok := f.TryAcquire(testKey)
		if !ok || lease != good {
			t.Fatalf("got %v, %v", lease, ok)
		}
		f.expect(0, 1, 0, 0)
		lease.Release(true)
		f.Group.Close()
		if _, ok := f.TryAcquire(testKey); ok {
			t.Error("there was one after the end")
		}
	})
}

// Among the few that were in use last, one with the affinity asked for; the order
// of the others stays.
func TestAffinity(t *testing.T) {
	for _, test := range []struct {
		name     string
		affinity []any // of the idle ones, the one that was in use last at the end
		ask      any
		want     int
	}{
		{"none asked for", []any{"a", nil, "b"}, nil, 2},
		{"the last", []any{"a", "b", "a"}, "a", 2},
		{"another", []any{"b", "a", "b"}, "a", 1},
		{"the last of several", []any{"a", "a", "b"}, "a", 1},
		{"nobody's", []any{"b", nil, "b"}, "a", 2},
		{"of another type", []any{1, "1", 1}, int64(1), 2},
		{"the eighth", []any{"b", "a", "b", "b", "b", "b", "b", "b", "b"}, "a", 1},
		{"the ninth", []any{"a", "b", "b", "b", "b", "b", "b", "b", "b"}, "a", 8},
		{"the only one", []any{"b"}, "a", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, Config{}, func(f *fixture) {
				var leases []*Lease
				for range test.affinity {
					leases = append(leases, f.lend(testKey))
				}
				for i, lease := range leases {
					lease.Affinity = test.affinity[i]
					lease.Release(true)
				}
				lease, ok := f.TryAcquireAlike(testKey, test.ask)
				if !ok || lease != leases[test.want] {
					t.Fatalf("got another")
				}
				for i := len(leases) - 1; i >= 0; i-- {
					if i == test.want {
						continue
					}
					if other := f.lend(testKey); other != leases[i] {
						t.Errorf("number %d is out of order", i)
					} else {
						defer other.Release(true)
					}
				}
				lease.Release(true)
			})
		})
	}
}
