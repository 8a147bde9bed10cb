package pool

import "time"

// tenant is the pools of one tenant and what they have in all. It is there as
// long as it has a pool, a connection that is being closed, or one beside the
// pools. It is under
// Group.mu, and so its methods are.
type tenant struct {
	group  *Group
	id     string
	weight int
	pools  map[*pool]struct{}

	// size is how many connections there are in all, those that are being dialled
	// or closed included.
	size, idle, lent, closing int
	// beside is how many there are that belong to no pool.
	beside int
	// disregarded is how many of those that are lent do no work of the tenant's;
	// used is when one that did came back last.
	disregarded int
	used        time.Time
	// frozen: its server connections are not lent (Group.Freeze).
	frozen bool

	hungry []*pool   // in no order
	fed    time.Time // since when it has wanted to grow in vain
	rank   int       // in Group.hungry, counted from 1; 0 if it is not there
}

// count is for a connection more or less.
func (t *tenant) count(by int) {
	t.size += by
	t.group.size += by
	t.place()
	t.drop()
}

// drop forgets t if there is nothing in it.
func (t *tenant) drop() {
	if len(t.pools) == 0 && t.size == 0 && t.beside == 0 {
		delete(t.group.tenants, t.id)
		if dropped := t.group.config.Dropped; dropped != nil {
			dropped(t.id, t.used)
		}
	}
}

// full reports whether t has as many connections as a tenant may have.
func (t *tenant) full() bool {
	limit := t.group.config.MaxTenantConnections
	return limit > 0 && t.size >= limit
}

// oldest is the connection that has been idle for longest, nil if there is none.
func (t *tenant) oldest() *connection {
	var oldest *connection
	for p := range t.pools {
		if len(p.idle) == 0 {
			continue
		}
		if c := p.idle[0]; oldest == nil || c.since.Before(oldest.since) {
			oldest = c
		}
	}
	return oldest
}
