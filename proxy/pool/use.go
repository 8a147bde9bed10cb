package pool

import (
	"sync"
	"time"
)

// Use is what is being done with a tenant's server connections.
type Use struct {
	// Working is how many are lent, dialled or waited for, or counted by Join.
	Working int
	// Disregarded is how many more are lent for what is no work of the tenant's.
	Disregarded int
	// Since is when one that has worked came back last; zero if none has, as far as
	// the Group knows (Config.Dropped).
	Since time.Time
}

// Use returns that of a tenant.
func (g *Group) Use(tenant string) Use {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t := g.tenants[tenant]; t != nil {
		return t.use()
	}
	return Use{}
}

func (t *tenant) use() Use {
	u := Use{Working: t.size - t.idle - t.closing - t.disregarded + t.beside, Disregarded: t.disregarded, Since: t.used}
	for p := range t.pools {
		u.Working += max(0, p.waiting.length-p.connecting)
	}
	return u
}

// Disregard says that what the server connection is lent for this time is no work
// of the tenant's: see Use.
func (l *Lease) Disregard() {
	c := l.connection
	g := c.pool.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if !c.disregarded {
		c.disregarded = true
		c.pool.tenant.disregarded++
	}
}

// Since is when the server connection was lent.
func (l *Lease) Since() time.Time {
	g := l.connection.pool.group
	g.mu.Lock()
	defer g.mu.Unlock()
	return l.connection.since
}

// Vacate closes the tenant's server connections if all are idle and none has
// worked since the given time, and returns when the server has ended them, or after
// a second; else it changes nothing and is false. From then on nobody has a server
// connection of the tenant's without a dial.
func (g *Group) Vacate(tenant string, since time.Time) bool {
	var departing sync.WaitGroup
	if !g.vacate(tenant, since, &departing) {
		return false
	}
	departing.Wait()
	return true
}

func (g *Group) vacate(tenant string, since time.Time, departing *sync.WaitGroup) bool {
	g.mu.Lock()
	defer g.unlock()
	t := g.tenants[tenant]
	if t == nil || g.closed {
		return true
	}
	if !t.unused(since) {
		return false
	}
	t.frozen = false // they are to hear the goodbye
	for p := range t.pools {
		for _, c := range p.idle {
			c.departing = departing
			departing.Add(1)
		}
		p.retire()
	}
	return true
}
