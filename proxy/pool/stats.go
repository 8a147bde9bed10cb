package pool

import (
	"net"
	"time"
)

// Stats is what a pool has at one moment.
type Stats struct {
	Key Key
	// Idle, Lent and Connecting are server connections, Waiting are clients.
	Idle, Lent, Connecting, Waiting int
	// OldestWait is how long the first of those who wait has done so.
	OldestWait time.Duration
}

// Stats returns that of every pool, in no order.
func (g *Group) Stats() []Stats {
	g.mu.Lock()
	defer g.unlock()
	all := make([]Stats, 0, len(g.pools))
	now := time.Now()
	for _, p := range g.pools {
		all = append(all, p.stats(now))
	}
	return all
}

// Idle is how many idle server connections the tenant has.
func (g *Group) Idle(tenant string) int {
	g.mu.Lock()
	defer g.unlock()
	if t := g.tenants[tenant]; t != nil {
		return t.idle
	}
	return 0
}

// Lent is how many of the tenant's server connections are lent.
func (g *Group) Lent(tenant string) int {
	g.mu.Lock()
	defer g.unlock()
	if t := g.tenants[tenant]; t != nil {
		return t.lent
	}
	return 0
}

// stats is that of p. Called under mu.
func (p *pool) stats(now time.Time) Stats {
	s := Stats{Key: p.key, Idle: len(p.idle), Lent: p.lent, Connecting: p.connecting, Waiting: p.waiting.length}
	if w := p.waiting.first; w != nil {
		s.OldestWait = now.Sub(w.since)
	}
	return s
}

// State is what a server connection is doing.
type State string

// The states of a server connection. One that is being dialled is none yet.
const (
	Lent State = "lent"
	Idle State = "idle"
)

// ConnectionStats is one server connection at one moment.
type ConnectionStats struct {
	Key Key
	// Server is the connection, for telling it from others: it belongs to whom it
	// is lent.
	Server *Server
	// PID is the backend's process id, 0 if it did not tell.
	PID   uint32
	State State
	// Since is when it came to its state, Made when it was logged in.
	Since, Made time.Time
	// Local and Remote are the addresses of its ends.
	Local, Remote net.Addr
	// TLS says that it is encrypted.
	TLS bool
	// Retired says that it is closed when it comes back.
	Retired bool
}

// Connections returns that of every server connection, in no order.
func (g *Group) Connections() []ConnectionStats {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]ConnectionStats, 0, g.size)
	now := time.Now()
	for _, p := range g.pools {
		for _, c := range p.all {
			all = append(all, c.stats(now))
		}
	}
	return all
}

// stats is that of c. Called under mu.
func (c *connection) stats(now time.Time) ConnectionStats {
	s := ConnectionStats{
		Key: c.pool.key, Server: c.server, PID: c.server.PID(), State: Lent, Since: c.since, Made: c.made,
		Local: c.local, Remote: c.remote, TLS: c.secure, Retired: c.age != c.pool.age || c.tooOld(now),
	}
	if c.state == idle {
		s.State = Idle
	}
	return s
}
