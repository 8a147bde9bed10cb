package pool

import (
	"context"
	"time"
)

// attempt is a server connection in the making. Its fields are under Group.mu but
// for those that never change.
type attempt struct {
	pool    *pool
	connect ConnectFunc
	age     int // of the pool when it began
	ctx     context.Context
	cancel  context.CancelFunc
	// owner is the request whose connect it is, nil when that waits no longer.
	owner *Request
}

// begin dials with the connect of r. Called under mu.
func (p *pool) begin(r *Request) {
	a := &attempt{pool: p, connect: r.connect, age: p.age, owner: r}
	a.ctx, a.cancel = context.WithCancel(p.group.life)
	r.attempt, r.refusal = a, nil
	p.connecting++
	p.tenant.count(1)
	p.group.tasks.Go(a.run)
}

// run is the goroutine of a, which the Group waits for.
func (a *attempt) run() {
	server, err := a.connect(a.ctx)
	a.cancel()
	g := a.pool.group
	g.mu.Lock()
	defer g.unlock()
	a.pool.dialled(a, server, err)
}

// dialled takes what has become of a. Called under mu.
func (p *pool) dialled(a *attempt, server *Server, err error) {
	now := time.Now()
	p.connecting--
	if err != nil {
		p.tenant.count(-1)
	}
	owner := a.owner
	if owner != nil {
		owner.attempt = nil
	}
	switch {
	case err == nil:
		p.tenant.frozen = false
		p.countLent(1)
		c := newConnection(p, server, a.age, now)
		p.join(c)
		p.put(c, now, now)
	case isFull(err):
		p.refused(owner, err, now)
	case owner != nil:
		owner.serve(nil, err)
	default:
		p.group.log.Debug("cannot make a server connection", "tenant", p.key.Tenant, "role", p.key.Role, "database", p.key.Database, "error", err)
	}
	p.grow(now)
	p.group.drop(p)
}

// abandon ends the dial of somebody who has left, unless others need it.
func (p *pool) abandon(r *Request) {
	if r.attempt == nil {
		return
	}
	r.attempt.owner = nil
	if p.connecting > p.waiting.length {
		r.attempt.cancel()
	}
}
