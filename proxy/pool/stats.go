package pool

import "time"

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
