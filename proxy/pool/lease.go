package pool

import (
	"slices"
	"time"
)

// Lease is a server connection that is lent. Whoever has it reads and writes the
// Server, and does not close it but gives it back. A connection has the same
// Lease each time it is lent.
type Lease struct {
	*Server
	connection *connection
}

// Release gives the server connection back; the Lease must not be used after it,
// but for Idle, Inspect and Since. clean says that the server has answered everything
// with ReadyForQuery 'I', that all of it was read, and that what the client has
// changed in the session is undone or will be; anything else is closed. Deadlines
// are taken off, and what is left of Early and Notices counts as read.
func (l *Lease) Release(clean bool) {
	if clean {
		l.Early, l.Notices = nil, nil
		l.connection.used = true
	}
	l.connection.giveBack(clean, true)
}

// ReleaseUnused gives back a server connection as it was lent: nothing was sent
// and nothing read, what there is of Early and Notices is for the next, and for
// Use it was not lent.
func (l *Lease) ReleaseUnused() { l.connection.giveBack(true, false) }

// Idle reports whether the server connection is idle in its pool, neither lent
// nor closed. It may be lent the moment after, by another goroutine.
func (l *Lease) Idle() bool {
	g := l.connection.pool.group
	g.mu.Lock()
	defer g.mu.Unlock()
	return l.connection.state == idle
}

// Inspect is for whoever watches idle server connections (Server.Watched), when
// something has arrived on one, or its end: it is looked at as before a lend and
// closed if it is not fit for one. What has arrived is in Early then, or nothing
// has happened since the connection is lent meanwhile or has gone.
func (l *Lease) Inspect() { l.connection.inspect() }

// inspect lends c to itself, so that nobody else can have it meanwhile.
func (c *connection) inspect() {
	p, g := c.pool, c.pool.group
	g.mu.Lock()
	if c.state != idle {
		g.mu.Unlock()
		return
	}
	p.takeOut(slices.Index(p.idle, c))
	p.countLent(1)
	c.state = lent
	g.mu.Unlock()

	err := c.look()
	if err != nil {
		c.unfit(err)
	}
	now := time.Now()
	g.mu.Lock()
	defer g.unlock()
	if err != nil {
		p.discard(c, false, now)
	} else {
		p.put(c, now, c.since)
	}
}

// fit looks at c, which was idle, and reports whether it can be lent; else it
// gives it back.
func (c *connection) fit() bool {
	if c.server.Watched {
		return true
	}
	err := c.look()
	if err != nil {
		c.unfit(err)
		c.giveBack(false, false)
	}
	return err == nil
}

func (c *connection) unfit(err error) {
	key := &c.pool.key
	c.pool.group.log.Debug("a server connection ended while idle", "tenant", key.Tenant, "role", key.Role, "database", key.Database, "error", err)
}
