package pool

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// testKey is the pool that most tests use.
var testKey = Key{Tenant: "acme", Role: "app", Database: "app"}

// peers makes server connections over real sockets, already logged in, and keeps
// their other ends, where it plays PostgreSQL.
type peers struct {
	t        testing.TB
	listener net.Listener
	// courtesy, if not 0, has them made without sockets, so that a bubble's time
	// goes by while the pool waits for their ends: when one is told goodbye it
	// takes that long to hang up.
	courtesy time.Duration
	alive    atomic.Int32 // how many of those have not hung up
	most     int          // under mu: how many those were at most

	mu      sync.Mutex
	servers []*Server            // under mu: all that were made, in order
	ends    map[*Server]net.Conn // under mu: their other ends
}

func newPeers(t testing.TB) *peers {
	dir, err := os.MkdirTemp("", "pool") // short: a socket's path must be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	p := &peers{t: t, listener: listener, ends: make(map[*Server]net.Conn)}
	t.Cleanup(func() {
		listener.Close()
		for _, end := range p.ends {
			end.Close()
		}
	})
	return p
}

// connect is a ConnectFunc.
func (p *peers) connect(context.Context) (*Server, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.courtesy > 0 {
		conn, end := net.Pipe()
		s := &Server{Conn: conn}
		p.servers = append(p.servers, s)
		p.ends[s] = end
		p.most = max(p.most, int(p.alive.Add(1)))
		go p.hangUpPolitely(end)
		return s, nil
	}
	conn, err := net.Dial("unix", p.listener.Addr().String())
	if err != nil {
		return nil, err
	}
	end, err := p.listener.Accept()
	if err != nil {
		conn.Close()
		return nil, err
	}
	s := &Server{Conn: conn}
	p.servers = append(p.servers, s)
	p.ends[s] = end
	return s, nil
}

// mostAlive is the most that had not hung up at one time.
func (p *peers) mostAlive() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.most
}

// hangUpPolitely reads until it is told goodbye, or the end.
func (p *peers) hangUpPolitely(end net.Conn) {
	defer end.Close()
	if _, err := io.ReadFull(end, make([]byte, 5)); err == nil {
		time.Sleep(p.courtesy)
	}
	p.alive.Add(-1)
}

// made is how many server connections were made.
func (p *peers) made() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.servers)
}

// far is the other end of s.
func (p *peers) far(s *Server) net.Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ends[s]
}

// hungUp reports whether the pool has closed s, and what it said before.
func (p *peers) hungUp(s *Server) (closed bool, said string) {
	p.t.Helper()
	if s.SetDeadline(time.Time{}) == nil {
		return false, ""
	}
	b, err := io.ReadAll(p.far(s))
	if err != nil {
		p.t.Fatal(err)
	}
	return true, string(b)
}

// hangUp closes the other end of s. The shutdown makes it seen at once: a close
// alone waits for processes that are being started and hold a copy for a moment.
func (p *peers) hangUp(s *Server) {
	p.far(s).(*net.UnixConn).CloseWrite()
	p.far(s).Close()
}

// open is how many server connections the pool has not closed.
func (p *peers) open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, s := range p.servers {
		if s.SetDeadline(time.Time{}) == nil {
			n++
		}
	}
	return n
}

// fixture is a Group with what a test needs around it, in a bubble of its own.
type fixture struct {
	*Group
	*peers
	t *testing.T
}

// bubble runs test with a Group and checks that it leaves nothing open; that it
// leaves no goroutine synctest sees to.
func bubble(t *testing.T, config Config, test func(*fixture)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{Group: NewGroup(config), peers: newPeers(t), t: t}
		defer f.Group.Close() // if the test ends early
		test(f)
		f.Group.Close()
		time.Sleep(f.courtesy)
		if t.Failed() {
			return
		}
		if n := f.open(); n > 0 {
			t.Errorf("%d server connections are open at the end", n)
		}
		if stats := f.Stats(); len(stats) > 0 || len(f.tenants) > 0 || len(f.timetable.deadlines) > 0 {
			t.Errorf("left at the end: %+v, %d tenants, %d deadlines", stats, len(f.tenants), len(f.timetable.deadlines))
		}
	})
}

// lend acquires a server connection that must be there.
func (f *fixture) lend(key Key) *Lease {
	f.t.Helper()
	lease, err := f.Acquire(f.t.Context(), key, f.connect)
	if err != nil {
		f.t.Fatal(err)
	}
	return lease
}

// stats is that of the pool for testKey, without the key.
func (f *fixture) stats() Stats {
	for _, s := range f.Stats() {
		if s.Key == testKey {
			s.Key = Key{}
			return s
		}
	}
	return Stats{}
}

// expect checks what the pool for testKey has; a pool without anything must not
// be there.
func (f *fixture) expect(idle, lent, connecting, waiting int) {
	f.t.Helper()
	synctest.Wait()
	got := f.stats()
	got.OldestWait = 0
	if want := (Stats{Idle: idle, Lent: lent, Connecting: connecting, Waiting: waiting}); got != want {
		f.t.Fatalf("pool has %+v, want %+v", got, want)
	}
	f.Group.mu.Lock()
	defer f.Group.mu.Unlock()
	if p := f.Group.pools[testKey]; p != nil && idle+lent+connecting+waiting == 0 {
		f.t.Fatal("an empty pool was kept")
	}
}

// client is somebody who acquires in a goroutine.
type client struct {
	t      *testing.T
	leave  context.CancelCauseFunc
	dial   chan dialResult // what its connect returns; closed: a new connection
	dialed chan struct{}   // has a token while connect runs
	done   chan struct{}
	lease  *Lease
	err    error
}

type dialResult struct{ err error }

// errLeft is why a client leaves.
var errLeft = errors.New("the client left")

// ask starts a client whose dials are made at once.
func (f *fixture) ask(key Key) *client {
	c := f.askSlowly(key)
	close(c.dial)
	synctest.Wait()
	return c
}

// askSlowly starts a client whose dials end when dial says so.
func (f *fixture) askSlowly(key Key) *client {
	ctx, cancel := context.WithCancelCause(f.t.Context())
	c := &client{t: f.t, leave: cancel, dial: make(chan dialResult), dialed: make(chan struct{}, 1), done: make(chan struct{})}
	go func() {
		defer close(c.done)
		c.lease, c.err = f.Acquire(ctx, key, c.connectFunc(f))
	}()
	synctest.Wait()
	return c
}

// connectFunc returns one whose dials end when dial says so.
func (c *client) connectFunc(f *fixture) ConnectFunc {
	return func(ctx context.Context) (*Server, error) {
		c.dialed <- struct{}{}
		defer func() { <-c.dialed }()
		select {
		case result := <-c.dial:
			if result.err != nil {
				return nil, result.err
			}
			return f.connect(ctx)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// finish ends the client's dial.
func (c *client) finish(err error) {
	c.t.Helper()
	synctest.Wait()
	select {
	case c.dial <- dialResult{err}:
	default:
		c.t.Fatal("the client's connect was not called")
	}
	synctest.Wait()
}

// dialing reports whether the client's connect is running.
func (c *client) dialing() bool {
	synctest.Wait()
	return len(c.dialed) > 0
}

// waiting reports whether the client still waits.
func (c *client) waiting() bool {
	synctest.Wait()
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// has checks that the client has been lent s, or anything if s is nil.
func (c *client) has(s *Server) *Lease {
	c.t.Helper()
	switch {
	case c.waiting():
		c.t.Fatal("the client still waits")
	case c.err != nil:
		c.t.Fatalf("the client has got an error: %v", c.err)
	case s != nil && c.lease.Server != s:
		c.t.Fatal("the client has got another server connection")
	}
	return c.lease
}

// failed checks that the client has got an error like want.
func (c *client) failed(want error) {
	c.t.Helper()
	if c.waiting() {
		c.t.Fatal("the client still waits")
	}
	if !errors.Is(c.err, want) || c.lease != nil {
		c.t.Fatalf("the client has got %v and error %v, want %v", c.lease, c.err, want)
	}
}

// waits checks that the client waits.
func (c *client) waits() {
	c.t.Helper()
	if !c.waiting() {
		c.t.Fatalf("the client does not wait; it has got %v and error %v", c.lease, c.err)
	}
}
