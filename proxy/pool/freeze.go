package pool

import "time"

// Freeze keeps the tenant's server connections open and lends none from now on, if
// all are idle and none has worked since the given time; else it changes nothing and
// is false. It returns the process ids of their backends. It holds until Thaw, or
// until one more has been dialled: that works only where nothing is frozen.
//
// Who asks for one meanwhile waits for a dial, whose ConnectFunc has the server
// thawed; if the pool is full, an idle one goes for that.
func (g *Group) Freeze(tenant string, since time.Time) (backends []uint32, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.tenants[tenant]
	if t == nil {
		return nil, true
	}
	if !t.unused(since) {
		return nil, false
	}
	for p := range t.pools {
		for _, c := range p.idle {
			backends = append(backends, c.server.PID())
		}
	}
	t.frozen = true
	return backends, true
}

// Thaw lends the tenant's server connections again.
func (g *Group) Thaw(tenant string) {
	for _, c := range g.thaw(tenant) {
		c.inspect() // which hands it to whoever waits
	}
}

// thaw returns the idle connections of pools where somebody waits.
func (g *Group) thaw(tenant string) (wanted []*connection) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.tenants[tenant]
	if t == nil || !t.frozen {
		return nil
	}
	t.frozen = false
	for p := range t.pools {
		if p.waiting.length > 0 {
			wanted = append(wanted, p.idle...)
		}
	}
	return wanted
}

// unused reports whether all server connections of t are idle and none has worked
// since the given time.
func (t *tenant) unused(since time.Time) bool {
	u := t.use()
	return u.Working == 0 && u.Disregarded == 0 && !u.Since.After(since)
}
