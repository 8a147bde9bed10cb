package pool

import (
	"slices"
	"time"
)

// Whoever wants one more server connection than there may be goes hungry: a pool
// among those of its tenant, and a tenant, unless it has as many as a tenant may
// have, among all. What is here says who gets the next one, and who must give one
// up for it. All of it is under Group.mu.

// turn is how long a tenant (or a pool) without any connection waits, while all
// are in use and nobody has two, until another's only one comes to it.
const turn = 100 * time.Millisecond

// starve makes p hungry, and has an idle connection of its tenant closed if that
// has too many.
func (p *pool) starve(now time.Time) {
	if p.hungry {
		return
	}
	t := p.tenant
	if len(t.hungry) == 0 {
		t.fed = now
	}
	p.hungry, p.fed = true, now
	t.hungry = append(t.hungry, p)
	t.place()
	if t.full() && t.closing < len(t.hungry) {
		if c := t.oldest(); c != nil {
			c.pool.discardIdle(c)
		}
	}
}

// calm makes p hungry no longer once nobody waits without a dial.
func (p *pool) calm() {
	if p.hungry && p.waiting.length <= p.connecting {
		p.sate()
	}
}

func (p *pool) sate() {
	t := p.tenant
	p.hungry = false
	i := slices.Index(t.hungry, p)
	t.hungry = slices.Delete(t.hungry, i, i+1)
	t.place()
}

// next is the hungry pool of t that has the fewest connections, and of those the
// one that has been hungry for longest.
func (t *tenant) next() *pool {
	best := t.hungry[0]
	for _, p := range t.hungry[1:] {
		if p.size() < best.size() || p.size() == best.size() && p.fed.Before(best.fed) {
			best = p
		}
	}
	return best
}

// share gives the connections that there may be to those who are hungry, the one
// that has the smallest share first, and has idle ones closed for the rest.
func (g *Group) share() {
	if len(g.hungry) == 0 {
		return
	}
	now := time.Now()
	limit := g.config.MaxConnections
	for len(g.hungry) > 0 && (limit == 0 || g.size < limit) {
		t := g.hungry[0]
		p := t.next()
		p.sate()
		if p.wants(now) {
			t.fed = now
			p.begin(p.waiting.undialled())
			p.grow(now) // which puts it behind those who are as badly off
		}
	}
	for len(g.hungry) > g.closing && g.idle > 0 {
		c := g.spare()
		c.pool.discardIdle(c)
	}
}

// spare is the idle connection of the tenant with the largest share among those
// that have one; of equal ones, and of its own, the one that has been idle for
// longest.
func (g *Group) spare() *connection {
	var spare *connection
	for _, t := range g.tenants {
		if t.idle == 0 || spare != nil && t.poorer(spare.pool.tenant) > 0 {
			continue
		}
		c := t.oldest()
		if spare == nil || t.poorer(spare.pool.tenant) < 0 || c.since.Before(spare.since) {
			spare = c
		}
	}
	return spare
}

// poorer compares the shares of t and another: negative if that of t is larger.
func (t *tenant) poorer(than *tenant) int { return than.size*t.weight - t.size*than.weight }

// yields reports whether c, which comes back to p, is to be closed so that
// another pool can have a connection: whenever p does not need it, else if the
// other has too few beside p. It never yields to itself.
func (p *pool) yields(c *connection, now time.Time) bool {
	t, g := p.tenant, p.group
	needed := p.waiting.first != nil
	if needed && !c.used {
		return false // it was dialled for those who wait
	}
	if len(t.hungry) > t.closing {
		q := t.next()
		if !needed || unjust(holding{p.size(), 1}, holding{q.size() + t.closing, 1}, now.Sub(q.fed)) {
			return true
		}
	}
	if len(g.hungry) > g.closing {
		u := g.hungry[0]
		if !needed || unjust(holding{t.size - t.closing, t.weight}, holding{u.size + g.closing, u.weight}, now.Sub(u.fed)) {
			return true
		}
	}
	return false
}

// yield closes c for another pool; who waits in p must let others go first now.
func (p *pool) yield(c *connection, now time.Time) {
	p.fed, p.tenant.fed = now, now
	p.tenant.place()
	p.discard(c, true, now)
}

// holding is how many connections somebody has, those included that are being
// closed for it, and the weight of its share.
type holding struct{ size, weight int }

// unjust reports whether rich, which needs what it has, is to give a connection
// to poor, which has been hungry for a while: if it has still no less then, or if
// poor has none and it has several, or it is poor's turn.
func unjust(rich, poor holding, hungry time.Duration) bool {
	if poor.size == 0 && (rich.size > 1 || hungry >= turn) {
		return true
	}
	return (rich.size-1)*poor.weight >= (poor.size+1)*rich.weight
}
