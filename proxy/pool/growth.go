package pool

import (
	"math"
	"time"
)

// A pool grows with those who wait: what is here says how far, and when. All of
// it is under Group.mu.

// grow has as many dials started as there are waiters without one, within the
// bounds of the pool; share does it, within those that others have a part in.
func (p *pool) grow(now time.Time) {
	p.trade(now)
	if p.wants(now) {
		p.starve(now)
	}
	if p.waiting.length > 0 {
		p.growLater(now)
	}
}

// wants reports whether the pool is to have one more connection.
func (p *pool) wants(now time.Time) bool {
	return !p.paused() && p.connecting < min(p.waiting.length, p.group.config.ConnectAtOnce) && p.size() < p.limit(now)
}

// growLater has grow called again when the limit rises for those who wait.
func (p *pool) growLater(now time.Time) {
	at, rises := p.reserveOpens()
	rises = rises && at.After(now)
	if p.full.holds(now) {
		at, rises = p.full.until, true
	}
	// A retry that comes too early asks again: it need not move with each client.
	if rises && (!p.retry.listed() || at.Before(p.retry.at)) {
		p.group.timetable.add(&p.retry, at)
	}
}

// limit is how many connections the pool may have.
func (p *pool) limit(now time.Time) int {
	limit := p.group.config.Size
	if limit == 0 {
		limit = math.MaxInt
	} else if at, ok := p.reserveOpens(); ok && !now.Before(at) {
		limit += p.group.config.ReserveSize
	}
	return p.full.limit(limit, now)
}

// reserveOpens is when the oldest waiter may have a connection of the reserve;
// false if nobody waits or there is none.
func (p *pool) reserveOpens() (time.Time, bool) {
	config := p.group.config
	if p.waiting.first == nil || config.Size == 0 || config.ReserveSize == 0 || config.ReserveTimeout == 0 {
		return time.Time{}, false
	}
	return p.waiting.first.since.Add(config.ReserveTimeout), true
}
