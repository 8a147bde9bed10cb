package pool

import "time"

// What is here is for pools whose connections are not all alike (Key.Exact), or where
// none will do since they are frozen. All of it is under Group.mu.

// heir is who gets c, which is new or comes back: whoever has waited longest. In
// an exact pool that is among those whom c suits, unless it has to go, so that
// another can be dialled for somebody who has waited longer. One that was just
// dialled need not.
func (p *pool) heir(c *connection) (heir *Request, goes bool) {
	if !p.key.Exact {
		return p.waiting.first, false
	}
	for r := p.waiting.first; r != nil; r = r.next {
		switch {
		case r.Affinity == c.server.Affinity:
			return r, false
		case r.attempt == nil && c.used:
			return nil, true
		}
	}
	return nil, p.waiting.undialled() != nil
}

// trade closes the connection that has been idle for longest if idle ones need not do
// for whoever waits and the pool is as large as it may be.
func (p *pool) trade(now time.Time) {
	if (p.key.Exact || p.tenant.frozen) && len(p.idle) > 0 && p.waiting.undialled() != nil && p.size() >= p.limit(now) {
		p.discardIdle(p.idle[0])
	}
}
