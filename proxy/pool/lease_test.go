package pool

import (
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// watched releases a lease as one that is watched.
func watched(lease *Lease) *Lease {
	lease.Watched = true
	lease.Release(true)
	return lease
}

// What is watched is lent without a look, which is the watcher's.
func TestWatchedIsNotLookedAt(t *testing.T) {
	bubble(t, Config{}, func(f *fixture) {
		lease := watched(f.lend(testKey))
		f.hangUp(lease.Server)
		if got, ok := f.TryAcquire(testKey); !ok || got != lease {
			t.Fatal("it was looked at")
		}
		lease.Release(true)
		if got := f.enqueue(testKey); got.lease != lease {
			t.Fatal("it was looked at")
		}
		lease.Release(false)
	})
}

// Deadlines are the watcher's.
func TestWatchedKeepsDeadline(t *testing.T) {
	bubble(t, Config{}, func(f *fixture) {
		lease := f.lend(testKey)
		lease.SetReadDeadline(time.Unix(1, 0))
		watched(lease)
		lease = f.lend(testKey)
		if _, err := lease.Read(make([]byte, 1)); err == nil {
			t.Error("read")
		}
		lease.Release(true)
	})
}

func TestInspect(t *testing.T) {
	notice := encode(t, &pgproto3.NoticeResponse{Severity: "WARNING", Message: "careful"})
	for _, test := range []struct {
		name    string
		arrives []byte
		closes  bool
		stays   bool
	}{
		{name: "nothing", stays: true},
		{name: "a notice", arrives: notice, stays: true},
		{name: "the end", closes: true},
		{name: "a notice and the end", arrives: notice, closes: true},
		{name: "a notification", arrives: encode(t, &pgproto3.NotificationResponse{PID: 1, Channel: "c"})},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, Config{IdleTimeout: time.Minute}, func(f *fixture) {
				first, lease, last := f.lend(testKey), f.lend(testKey), f.lend(testKey)
				server := lease.Server
				for _, l := range []*Lease{first, lease, last} {
					watched(l)
					time.Sleep(time.Second)
				}
				if _, err := f.far(server).Write(test.arrives); err != nil {
					t.Fatal(err)
				}
				if test.closes {
					f.hangUp(server)
				}
				time.Sleep(30 * time.Second)
				lease.Inspect()
				if lease.Idle() != test.stays {
					t.Errorf("it is idle: %v, want %v", lease.Idle(), test.stays)
				}
				if !test.stays {
					f.expect(2, 0, 0, 0)
					lease.Inspect() // once more does no harm
					f.expect(2, 0, 0, 0)
					return
				}
				if string(lease.Early) != string(test.arrives) {
					t.Errorf("Early is %q", lease.Early)
				}
				// It has its place and its time as before.
				f.Group.mu.Lock()
				all := slices.Clone(f.Group.pools[testKey].idle)
				f.Group.mu.Unlock()
				if !slices.Equal(all, []*connection{first.connection, lease.connection, last.connection}) {
					t.Error("the order has changed")
				}
				time.Sleep(28*time.Second - time.Nanosecond)
				f.expect(2, 0, 0, 0) // the first has gone
				time.Sleep(time.Nanosecond)
				f.expect(1, 0, 0, 0)
				if lease.Idle() || !last.Idle() {
					t.Error("another has gone")
				}
			})
		})
	}
}

// What nobody fetches does not pile up.
func TestInspectHasABound(t *testing.T) {
	notice := encode(t, &pgproto3.NoticeResponse{Message: strings.Repeat("x", 1000)})
	bubble(t, Config{}, func(f *fixture) {
		lease := watched(f.lend(testKey))
		for n := 1; n <= maxAside/len(notice)+1; n++ {
			if !lease.Idle() {
				t.Fatalf("it is closed after %d notices", n-1)
			}
			if _, err := f.far(lease.Server).Write(notice); err != nil {
				t.Fatal(err)
			}
			lease.Inspect()
		}
		f.expect(0, 0, 0, 0)
	})
}

// A connection that is lent is not the watcher's business.
func TestInspectOfLent(t *testing.T) {
	bubble(t, Config{}, func(f *fixture) {
		lease := watched(f.lend(testKey))
		f.lend(testKey)
		if lease.Idle() {
			t.Error("it is idle")
		}
		if _, err := f.far(lease.Server).Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		lease.Inspect()
		f.expect(0, 1, 0, 0)
		if n, err := lease.Read(make([]byte, 2)); n != 1 || err != nil {
			t.Errorf("read %d bytes, %v", n, err)
		}
		lease.Release(true)
	})
}

// Who comes while one is inspected gets it, and what is retired meanwhile is
// closed.
func TestMeanwhileInspect(t *testing.T) {
	for _, test := range []struct {
		name      string
		meanwhile func(*fixture)
		lent      int
	}{
		{"nothing", func(*fixture) {}, 0},
		{"somebody comes", func(f *fixture) { f.enqueue(testKey).waits() }, 1},
		{"it is retired", func(f *fixture) { f.CloseTenant("acme", "test") }, 0},
		{"the Group is closed", func(f *fixture) { f.Group.Close() }, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, Config{Size: 1}, func(f *fixture) {
				lease := f.lend(testKey)
				lease.Conn = &slowPeek{UnixConn: lease.Conn.(*net.UnixConn), meanwhile: func() {
					if lease.Idle() {
						t.Error("it is idle")
					}
					lease.Inspect() // by another
					test.meanwhile(f)
				}}
				watched(lease)
				lease.Inspect()
				idle := 0
				if test.name == "nothing" {
					idle = 1
				}
				f.expect(idle, test.lent, 0, 0)
				if closed, _ := f.hungUp(lease.Server); closed == (idle+test.lent > 0) {
					t.Errorf("it is closed: %v", closed)
				}
				if test.lent > 0 {
					lease.Release(true)
				}
			})
		})
	}
}

// slowPeek has something happen while it is looked at.
type slowPeek struct {
	*net.UnixConn
	meanwhile func()
}

func (s *slowPeek) SyscallConn() (syscall.RawConn, error) {
	s.meanwhile()
	return s.UnixConn.SyscallConn()
}

// The user may have put another connection to the same server in the place of the
// one that was made, and that is what is looked at then, and closed.
func TestConnIsReplaced(t *testing.T) {
	bubble(t, Config{}, func(f *fixture) {
		lease := f.lend(testKey)
		lease.Release(true)
		lease = f.lend(testKey) // it was looked at
		old := lease.Conn
		file, err := old.(*net.UnixConn).File() // a duplicate
		if err != nil {
			t.Fatal(err)
		}
		old.Close()
		lease.Conn, err = net.FileConn(file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		lease.Release(true)
		if again := f.lend(testKey); again != lease {
			t.Fatal("it was not lent again")
		}
		lease.Release(true)
		f.hangUp(lease.Server)
		if again := f.lend(testKey); again == lease {
			t.Error("it was lent although it is dead")
		} else {
			again.Release(true)
		}
	})
}

// What was not used is for the next as it was.
func TestReleaseUnused(t *testing.T) {
	bubble(t, Config{}, func(f *fixture) {
		lease := f.lend(testKey)
		lease.Early, lease.Notices = []byte("early"), []byte("notices")
		lease.ReleaseUnused()
		if lease = f.lend(testKey); string(lease.Early) != "early" || string(lease.Notices) != "notices" {
			t.Errorf("Early is %q, Notices are %q", lease.Early, lease.Notices)
		}
		lease.Release(true)
	})
}
