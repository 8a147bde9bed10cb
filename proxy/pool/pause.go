package pool

import (
	"context"
	"time"
)

// pause is which tenants' server connections are not lent. It is under Group.mu.
type pause struct {
	all     bool
	tenants map[string]struct{}
	lifted  chan struct{} // closed, and made anew, when a pause ends
}

func newPause() pause {
	return pause{tenants: make(map[string]struct{}), lifted: make(chan struct{})}
}

// holds reports whether the tenant is paused.
func (p *pause) holds(tenant string) bool {
	if p.all {
		return true
	}
	_, paused := p.tenants[tenant]
	return paused
}

// Pause lends no server connection of the tenant from now on, or of any if it is
// "", until Resume: who asks for one waits. Idle ones are closed at once, those
// that are lent when they come back; Open tells when none is left. It holds for
// pools that are made later, too.
func (g *Group) Pause(tenant string) {
	g.mu.Lock()
	defer g.unlock()
	if tenant == "" {
		g.pause.all = true
	} else {
		g.pause.tenants[tenant] = struct{}{}
	}
	for _, p := range g.pools {
		if tenant == "" || p.key.Tenant == tenant {
			p.retire()
			if p.hungry {
				p.sate()
			}
		}
	}
}

// Resume ends the pause of the tenant, or every pause if it is "", and reports
// whether there was one. A tenant stays paused as long as all are.
func (g *Group) Resume(tenant string) bool {
	g.mu.Lock()
	defer g.unlock()
	_, paused := g.pause.tenants[tenant]
	delete(g.pause.tenants, tenant)
	if tenant == "" {
		paused = g.pause.all || len(g.pause.tenants) > 0
		g.pause.all = false
		clear(g.pause.tenants)
	}
	close(g.pause.lifted)
	g.pause.lifted = make(chan struct{})
	g.growAll()
	return paused
}

// Paused reports whether the tenant is paused, by itself or because all are; with
// "", whether all are.
func (g *Group) Paused(tenant string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pause.holds(tenant)
}

// Open is how many server connections the tenant has, or all have if it is "":
// idle or lent, being dialled or closed, or counted by Join.
func (g *Group) Open(tenant string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if tenant != "" {
		if t := g.tenants[tenant]; t != nil {
			return t.size + t.beside
		}
		return 0
	}
	open := g.size
	for _, t := range g.tenants {
		open += t.beside
	}
	return open
}

// Join counts a server connection that its client has to itself, in no pool, until
// Leave. It waits while the tenant is paused; an error is the cause of ctx's end.
func (g *Group) Join(ctx context.Context, tenant string) error {
	for {
		lifted := g.tryJoin(tenant)
		if lifted == nil {
			return nil
		}
		select {
		case <-lifted:
		case <-ctx.Done():
			return waitError(ctx)
		}
	}
}

// tryJoin counts the connection, or returns what is closed when a pause ends.
func (g *Group) tryJoin(tenant string) (lifted <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pause.holds(tenant) {
		return g.pause.lifted
	}
	g.tenant(tenant).beside++
	return nil
}

// Leave is for a server connection that Join has counted and that is closed.
func (g *Group) Leave(tenant string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.tenants[tenant]
	t.beside--
	t.used = time.Now()
	t.drop()
}

// paused reports whether p lends nothing now.
func (p *pool) paused() bool { return p.group.pause.holds(p.key.Tenant) }
