package pool

import (
	"context"
	"crypto/tls"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"postern/proxy/wire"
)

// connection is a server connection of a pool. Its fields are under Group.mu but
// for those that never change; the server itself belongs to whom it is lent.
type connection struct {
	pool   *pool
	server *Server
	lease  Lease
	peek   peek
	age    int       // of the pool when the dial began
	made   time.Time // when it was logged in
	end    time.Time // of its lifetime, zero if it has none
	// The addresses of its ends.
	local, remote net.Addr
	secure        bool // with TLS
	used          bool // by a client; belongs to whom it is lent
	disregarded   bool // this lend does no work of the tenant's

	state state
	since time.Time // when it came to that
	clean bool      // whether it can be told goodbye, once it is gone
	index int       // in the pool's all
	// departing, if not nil, waits for the server to have ended the session.
	departing *sync.WaitGroup
	// expiry is a time at which it may have been idle for long enough.
	expiry deadline
}

// state is what a connection is doing.
type state int

const (
	lent state = iota
	idle
	gone // closed, or about to be
)

func newConnection(p *pool, server *Server, age int, now time.Time) *connection {
	c := &connection{pool: p, server: server, age: age, made: now, since: now}
	c.local, c.remote = server.LocalAddr(), server.RemoteAddr()
	_, c.secure = server.Conn.(*tls.Conn)
	c.lease = Lease{Server: server, connection: c}
	c.expiry.run = c.expire
	c.live(p.group.config.Lifetime)
	return c
}

// live sets how long c may live from when it was made. Called under mu.
func (c *connection) live(lifetime time.Duration) {
	c.end = time.Time{}
	if lifetime > 0 {
		c.end = c.made.Add(lifetime - lifetime/10 + rand.N(lifetime/5+1))
	}
}

// giveBack ends a lend; used says that it was more than a look.
func (c *connection) giveBack(clean, used bool) {
	if clean && !c.server.Watched {
		clean = c.server.SetDeadline(time.Time{}) == nil // an error if it is closed
	}
	g := c.pool.group
	now := time.Now()
	g.mu.Lock()
	defer g.unlock()
	c.count(now, used)
	switch {
	case c.state != lent:
		panic("pool: a Lease was released twice")
	case clean:
		c.pool.put(c, now, now)
	default:
		c.pool.discard(c, false, now)
	}
}

// count ends what a lend is for the tenant; used says that it was one. Called under
// mu.
func (c *connection) count(now time.Time, used bool) {
	t := c.pool.tenant
	switch {
	case c.disregarded:
		c.disregarded = false
		t.disregarded--
	case used:
		t.used = now
	}
}

// tooOld reports whether the lifetime is over.
func (c *connection) tooOld(now time.Time) bool { return !c.end.IsZero() && !now.Before(c.end) }

// expires is when c, which is idle, is to be closed; false if never. While c is
// there it only gets later.
func (c *connection) expires() (time.Time, bool) {
	at := c.end
	if timeout := c.pool.group.config.IdleTimeout; timeout > 0 {
		if idle := c.since.Add(timeout); at.IsZero() || idle.Before(at) {
			at = idle
		}
	}
	return at, !at.IsZero()
}

// schedule sees to it that expire is called in time. As long as c has a place in
// the timetable, which may be too early, it keeps that: busy connections do not
// move about there. Called under mu.
func (c *connection) schedule() {
	if c.expiry.listed() {
		return
	}
	if at, ok := c.expires(); ok {
		c.pool.group.timetable.add(&c.expiry, at)
	}
}

// expire closes c if its time has come. Called under mu, off the timetable.
func (c *connection) expire(now time.Time) {
	if c.state != idle {
		return // schedule is called when it comes back
	}
	at, _ := c.expires()
	switch {
	case at.After(now):
		c.schedule()
	case !c.tooOld(now) && c.pool.size() <= c.pool.group.config.MinSize:
		c.since = now // as if it had just come back
		c.schedule()
	default:
		c.pool.discardIdle(c)
	}
}

// close ends the connection. Called without mu.
func (c *connection) close() {
	if c.clean {
		c.sayGoodbye()
	}
	c.server.Close()
}

// sayGoodbye does not wait: the connection is idle, so there is room for five
// bytes in its send buffer.
func (c *connection) sayGoodbye() { c.server.Write([]byte{wire.MsgTerminate, 0, 0, 0, 4}) }

// patience is how long a server may take to end a session after a goodbye.
const patience = time.Second

// depart is the goroutine of a connection that is closed in place of another,
// which must not be dialled before PostgreSQL has freed the place, or so that its
// server can be stopped: that is as soon as its end can be read (docs/protocol.md,
// G110).
func (c *connection) depart() {
	g := c.pool.group
	c.server.SetDeadline(time.Now().Add(patience))
	stop := context.AfterFunc(g.life, func() { c.server.SetDeadline(time.Unix(1, 0)) })
	c.sayGoodbye()
	var b [512]byte
	for {
		if _, err := c.server.Read(b[:]); err != nil {
			break
		}
	}
	stop()
	c.server.Close()
	g.left(c)
	if c.departing != nil {
		c.departing.Done()
	}
}
