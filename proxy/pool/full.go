package pool

import (
	"errors"
	"time"

	"postern/proxy/wire"
)

// How long a pool does not grow after the server has said that it takes no more
// connections: until others may have left, or, if one of ours was closed to make
// room, until PostgreSQL has noticed.
const (
	fullPause = time.Second
	roomPause = 50 * time.Millisecond
)

// full is a server's word that it takes no more connections (53300), which holds
// for a while. The zero value is a server that has not said so.
type full struct {
	size  int // how many the pool had
	until time.Time
	room  time.Time // when one of ours was last closed to make room
}

func (f full) holds(now time.Time) bool { return now.Before(f.until) }

// limit is what is left of a pool's limit.
func (f full) limit(limit int, now time.Time) int {
	if f.holds(now) {
		return min(limit, f.size)
	}
	return limit
}

// isFull reports whether err is the server's word that it takes no more
// connections: in all, of this role, or to this database.
func isFull(err error) bool {
	var refused *RefusedError
	return errors.As(err, &refused) && refused.Code == wire.TooManyConnections
}

// refused is for a dial that the server has refused since it is full. owner,
// which may be nil, goes on waiting as long as the pool has a connection that
// can come back. Called under mu.
func (p *pool) refused(owner *Request, err error, now time.Time) {
	if owner != nil {
		owner.refusal = err
	}
	switch {
	case p.waiting.length == 0:
	case p.makeRoom():
		p.full = full{size: p.size(), until: now.Add(roomPause), room: now}
	case !p.full.room.IsZero() && now.Sub(p.full.room) < fullPause: // PostgreSQL has not noticed yet
		p.full = full{size: p.size(), until: now.Add(roomPause), room: p.full.room}
	case p.size() > 0:
		p.full = full{size: p.size(), until: now.Add(fullPause)}
	default:
		p.failRefused()
	}
}

// failRefused fails those whom the server has refused. Called under mu.
func (p *pool) failRefused() {
	for r := p.waiting.first; r != nil; {
		next := r.next
		if r.refusal != nil {
			r.serve(nil, r.refusal)
		}
		r = next
	}
}

// makeRoom closes the connection of the tenant that has been idle for longest, and
// reports whether there was one; in p, where somebody waits, there is none that
// would do. Called under mu.
func (p *pool) makeRoom() bool {
	oldest := p.tenant.oldest()
	if oldest == nil {
		return false
	}
	oldest.pool.discardIdle(oldest)
	return true
}
