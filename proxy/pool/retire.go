package pool

// CloseTenant closes the tenant's server connections: the idle ones at once, the
// lent ones when they come back, those that are being dialled when they are
// there. Who waits goes on waiting, for a new one. because is for the log.
func (g *Group) CloseTenant(tenant, because string) {
	g.retire(tenant, func(Key) bool { return true }, because)
}

// CloseRole is CloseTenant for the server connections of one role.
func (g *Group) CloseRole(tenant, role string) {
	g.retire(tenant, func(k Key) bool { return k.Role == role }, "the role has changed")
}

// CloseDatabase is CloseTenant for the server connections to one database, which
// PostgreSQL neither drops nor copies while somebody is connected to it.
func (g *Group) CloseDatabase(tenant, database string) {
	g.retire(tenant, func(k Key) bool { return k.Database == database }, "nobody may be connected to the database")
}

func (g *Group) retire(tenant string, concerns func(Key) bool, because string) {
	g.mu.Lock()
	defer g.unlock()
	t := g.tenants[tenant]
	if t == nil {
		return
	}
	g.log.Debug("closing a tenant's server connections", "tenant", tenant, "idle", t.idle, "lent", t.lent, "because", because)
	for p := range t.pools {
		if concerns(p.key) {
			p.retire()
		}
	}
}

// retire has every connection of the pool go, the idle ones at once. Called under
// mu.
func (p *pool) retire() {
	p.age++
	for len(p.idle) > 0 {
		p.discardIdle(p.idle[len(p.idle)-1])
	}
}
