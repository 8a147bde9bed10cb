package pool

import (
	"slices"
	"time"
)

// pool is the server connections of one Key. It is under Group.mu, and so its
// methods are.
//
// Nobody waits while a connection is idle: whatever comes in goes to the oldest
// waiter first.
type pool struct {
	group  *Group
	tenant *tenant
	key    Key

	idle       []*connection // the one that was in use last at the end
	lent       int
	connecting int
	waiting    queue

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

// lend takes out the idle connection that was in use last, nil if none is idle.
func (p *pool) lend() *connection {
	last := len(p.idle) - 1
	if last < 0 {
		return nil
	}
	c := p.idle[last]
	p.idle[last] = nil
	p.idle = p.idle[:last]
	c.state = lent
	p.tenant.idle--
	p.countLent(1)
	return c
}

// put finds a use for a connection that counts as lent.
func (p *pool) put(c *connection, now time.Time) {
	if c.age != p.age || c.tooOld(now) {
		p.discard(c, true, now)
		return
	}
	if w := p.waiting.first; w != nil {
		w.serve(c, nil)
		return
	}
	p.countLent(-1)
	p.tenant.idle++
	c.state, c.since = idle, now
	p.idle = append(p.idle, c)
	c.schedule()
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
	i := slices.Index(p.idle, c)
	p.idle = slices.Delete(p.idle, i, i+1)
	p.tenant.idle--
	p.doom(c, true)
	p.group.drop(p)
}

// doom has c closed when mu is unlocked.
func (p *pool) doom(c *connection, clean bool) {
	c.state, c.clean = gone, clean
	p.group.timetable.remove(&c.expiry)
	p.group.doomed = append(p.group.doomed, c)
}

func (p *pool) countLent(by int) {
	p.lent += by
	p.tenant.lent += by
}

// failAll fails everybody who waits.
func (p *pool) failAll(err error) {
	for p.waiting.first != nil {
		p.waiting.first.serve(nil, err)
	}
	p.group.drop(p)
}
