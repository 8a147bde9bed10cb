package pool

import "time"

// Reconfigure brings another Config into effect, but for its Weight, Dropped and
// Log. No pool is made anew, nobody who waits loses his place, and connections that the
// new bounds allow stay: of more than those, the idle ones are closed at once, and
// others when they come back.
func (g *Group) Reconfigure(config Config) {
	config = config.withDefaults()
	g.mu.Lock()
	defer g.unlock()
	config.Weight, config.Dropped, config.Log = g.config.Weight, g.config.Dropped, g.log
	lifetime := g.config.Lifetime != config.Lifetime
	g.config = config
	for _, p := range g.pools {
		for _, c := range p.all {
			if lifetime {
				c.live(config.Lifetime)
			}
			g.timetable.remove(&c.expiry)
			if c.state == idle {
				c.schedule()
			}
		}
		g.timetable.remove(&p.retry)
	}
	for _, t := range g.tenants {
		t.place()
		t.trim()
	}
	for g.excess() > 0 && g.idle > 0 {
		c := g.spare()
		c.pool.discardIdle(c)
	}
	g.growAll()
}

// growAll lets every pool grow that may. Called under mu.
func (g *Group) growAll() {
	now := time.Now()
	for _, p := range g.pools {
		p.grow(now)
	}
}

// trim closes the idle connections of t that are too many.
func (t *tenant) trim() {
	for p := range t.pools {
		for len(p.idle) > 0 && p.excess() > 0 {
			p.discardIdle(p.idle[0])
		}
	}
	for t.excess() > 0 && t.idle > 0 {
		c := t.oldest()
		c.pool.discardIdle(c)
	}
}

// excessive reports whether there are more connections than there may be, since a
// bound was lowered.
func (p *pool) excessive() bool {
	return p.excess() > 0 || p.tenant.excess() > 0 || p.group.excess() > 0
}

// excess is how many connections p has beyond its size and its reserve.
func (p *pool) excess() int {
	config := &p.group.config
	return beyond(p.size(), config.Size, config.ReserveSize)
}

func (t *tenant) excess() int {
	return beyond(t.size-t.closing, t.group.config.MaxTenantConnections, 0)
}
func (g *Group) excess() int { return beyond(g.size-g.closing, g.config.MaxConnections, 0) }

// beyond is how far n is above limit and reserve; 0 is no limit.
func beyond(n, limit, reserve int) int {
	if limit == 0 {
		return 0
	}
	return n - limit - reserve
}
