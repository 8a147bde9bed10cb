package pool

import "time"

// Request is somebody's wait for a server connection, for whom has no goroutine
// to wait in. The zero value is ready. It can be used for one wait after the
// other, so waiting costs no memory: keep it in what stands for the client. All
// its methods and Enqueue are for one goroutine at a time.
type Request struct {
	// Affinity is that of TryAcquireAlike, for the case that one is idle by now, and
	// for Key.Exact.
	Affinity any

	// These are under Group.mu, but once the request is served they belong to who
	// serves it.
	pool    *pool
	connect ConnectFunc
	deliver func(*Lease, error)
	since   time.Time
	// attempt is the one under way with connect, nil if there is none.
	attempt *attempt
	// refusal is how the server said last that it takes no more.
	refusal error
	waiting bool
	// previous and next are those in the pool's queue, later of those served.
	previous, next *Request
	connection     *connection
	err            error
}

// Enqueue asks for a server connection of the pool for key as Acquire does, in
// the same queue, and returns at once. deliver gets it, or the error, exactly
// once unless the request is cancelled; that can be before Enqueue returns. It is
// called in whichever goroutine has given a connection back or dialled it, which
// must not be held up, nor Close called there. r must not be waiting already.
func (g *Group) Enqueue(r *Request, key Key, connect ConnectFunc, deliver func(*Lease, error)) {
	for {
		c, err := g.take(r, key, connect, deliver)
		switch {
		case err != nil:
			deliver(nil, err)
			return
		case c == nil: // r is in the queue
			return
		case c.fit():
			deliver(&c.lease, nil)
			return
		}
	}
}

// take returns an idle connection, or else puts r into the queue.
func (g *Group) take(r *Request, key Key, connect ConnectFunc, deliver func(*Lease, error)) (*connection, error) {
	g.mu.Lock()
	defer g.unlock()
	switch {
	case r.waiting:
		panic("pool: a Request was enqueued twice")
	case g.closed:
		return nil, ErrClosed
	}
	p := g.pools[key]
	if p == nil {
		p = g.add(key)
	}
	now := time.Now()
	if c := p.lend(r.Affinity, now); c != nil {
		return c, nil
	}
	r.pool, r.connect, r.deliver, r.since, r.waiting = p, connect, deliver, now, true
	p.waiting.push(r)
	p.grow(now)
	return nil, nil
}

// Cancel ends the wait, and reports whether it has: deliver will not be called
// then. Else it has been or is about to be, or r was never enqueued.
func (r *Request) Cancel() bool {
	p := r.pool
	if p == nil {
		return false
	}
	p.group.mu.Lock()
	defer p.group.unlock()
	if !r.waiting {
		return false
	}
	r.leave()
	p.abandon(r)
	r.clear()
	p.group.drop(p)
	return true
}

// serve hands c to r, or fails it with err, when mu is unlocked. Called under mu.
func (r *Request) serve(c *connection, err error) {
	r.leave()
	if r.attempt != nil {
		r.attempt.owner = nil // it goes on, for whoever is next
	}
	r.connection, r.err = c, err
	r.pool.group.served.push(r)
}

// leave takes r out of the queue. Called under mu.
func (r *Request) leave() {
	r.waiting = false
	r.pool.waiting.remove(r)
	r.pool.calm()
}

// tell delivers what r was served. Called without mu, once.
func (r *Request) tell() {
	deliver, c, err := r.deliver, r.connection, r.err
	r.clear()
	if err != nil {
		deliver(nil, err)
	} else {
		deliver(&c.lease, nil)
	}
}

// clear drops what belongs to a wait that is over.
func (r *Request) clear() {
	r.connect, r.deliver, r.attempt, r.refusal = nil, nil, nil, nil
	r.previous, r.next, r.connection, r.err = nil, nil, nil, nil
}
