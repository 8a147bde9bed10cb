package pool

import (
	"slices"
	"time"
)

// pool is the server connections of one Key. It is under Group.mu, and so its
// methods are.
//
// Nobody waits while a connection is idle that will do: whatever comes in goes to
// the oldest waiter first.
type pool struct {
	group  *Group
	tenant *tenant
	key    Key

	idle       []*connection // the one that was in use last at the end
	lent       int
	connecting int
	waiting    queue
	all        []*connection // idle and lent, in no order

	// hungry says that the pool is among those of its tenant that want to grow,
	// fed since when it has wanted to in vain.
	hungry bool
	fed    time.Time

	// age counts how often the pool's connections were told to go; those of an
	// earlier age are not lent again.
	age int
	// full is what the server has said about the pool's size.
	full full
	// retry runs grow when the limit may have risen.
	retry deadline
}

// size is how many connections the pool has or is about to have.
func (p *pool) size() int { return len(p.idle) + p.lent + p.connecting }

// alikeDepth is how many idle connections are looked through for one that has the
// affinity asked for.
const alikeDepth = 8

// choose is where the idle connection is that was in use last, or a recent one
// that has the given affinity; -1 if none is idle that will do.
func (p *pool) choose(affinity any) int {
	if p.tenant.frozen {
		return -1
	}
	last := len(p.idle) - 1
	if affinity == nil && !p.key.Exact {
		return last
	}
	for n := last; n >= 0 && (n > last-alikeDepth || p.key.Exact); n-- {
		if p.idle[n].server.Affinity == affinity {
			return n
		}
	}
	if p.key.Exact {
		return -1
	}
	return last
}

// lend takes out the connection that choose says; nil if there is none.
func (p *pool) lend(affinity any, now time.Time) *connection {
	i := p.choose(affinity)
	if i < 0 {
		return nil
	}
	c := p.idle[i]
	p.takeOut(i)
	p.countLent(1)
	c.state, c.since = lent, now
	return c
}

// put finds a use for a connection that counts as lent. idleSince is what counts
// as the time of its last use if there is none.
func (p *pool) put(c *connection, now, idleSince time.Time) {
	heir, goes := p.heir(c)
	switch {
	case c.age != p.age || c.tooOld(now) || p.excessive():
		p.discard(c, true, now)
	case p.yields(c, now):
		p.yield(c, now)
	case heir != nil:
		c.since = now
		heir.serve(c, nil)
	case goes:
		p.discard(c, true, now)
	default:
		p.keep(c, idleSince)
	}
}

// keep makes a connection that counts as lent idle since the given time.
func (p *pool) keep(c *connection, since time.Time) {
	p.countLent(-1)
	p.countIdle(1)
	c.state, c.since = idle, since
	i := len(p.idle)
	for i > 0 && p.idle[i-1].since.After(since) {
		i--
	}
	p.idle = slices.Insert(p.idle, i, c)
	c.schedule()
}

// takeOut takes the connection at i out of those that are idle.
func (p *pool) takeOut(i int) {
	p.idle = slices.Delete(p.idle, i, i+1)
	p.countIdle(-1)
}

// join is for a connection that is new.
func (p *pool) join(c *connection) {
	c.index = len(p.all)
	p.all = append(p.all, c)
}

// part is for one that goes.
func (p *pool) part(c *connection) {
	last := len(p.all) - 1
	p.all[c.index] = p.all[last]
	p.all[c.index].index = c.index
	p.all[last] = nil
	p.all = p.all[:last]
}

// discard closes a connection that counts as lent; politely if it is clean.
func (p *pool) discard(c *connection, clean bool, now time.Time) {
	p.countLent(-1)
	p.doom(c, clean)
	p.grow(now)
	p.group.drop(p)
}

// discardIdle closes an idle connection.
func (p *pool) discardIdle(c *connection) {
	p.takeOut(slices.Index(p.idle, c))
	p.doom(c, true)
	p.group.drop(p)
}

// doom has c closed, and counted until it is.
func (p *pool) doom(c *connection, clean bool) {
	g := p.group
	c.state, c.clean = gone, clean
	g.timetable.remove(&c.expiry)
	p.part(c)
	p.tenant.closing++
	g.closing++
	if clean && (g.config.capped() || c.departing != nil) && !g.closed && !p.tenant.frozen { // a frozen server would not answer
		g.tasks.Go(c.depart)
	} else {
		g.doomed = append(g.doomed, c)
	}
}

func (p *pool) countLent(by int) {
	p.lent += by
	p.tenant.lent += by
}

func (p *pool) countIdle(by int) {
	p.tenant.idle += by
	p.group.idle += by
}

// failAll fails everybody who waits.
func (p *pool) failAll(err error) {
	for p.waiting.first != nil {
		p.waiting.first.serve(nil, err)
	}
	p.group.drop(p)
}
