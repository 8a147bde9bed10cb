package pool

import (
	"context"
	"fmt"
	"time"
)

// Acquire lends a server connection of the pool for key: the one that was in use
// last, or else the first to come back or to be dialled once everybody who has
// waited longer is served. The caller gives it back with Release. How long it may
// take is for ctx to say.
//
// An error is that of connect, or ErrClosed, or the cause of ctx's end.
func (g *Group) Acquire(ctx context.Context, key Key, connect ConnectFunc) (*Lease, error) {
	return g.AcquireAlike(ctx, key, nil, connect)
}

// AcquireAlike is Acquire with the affinity of TryAcquireAlike.
func (g *Group) AcquireAlike(ctx context.Context, key Key, affinity any, connect ConnectFunc) (*Lease, error) {
	if ctx.Err() != nil {
		return nil, waitError(ctx)
	}
	if lease, ok := g.TryAcquireAlike(key, affinity); ok {
		return lease, nil
	}
	w := &wait{served: make(chan struct{})}
	w.request.Affinity = affinity
	g.Enqueue(&w.request, key, connect, w.serve)
	select {
	case <-w.served:
		return w.lease, w.err
	case <-ctx.Done():
		w.giveUp()
		return nil, waitError(ctx)
	}
}

// wait is an Acquire that has to wait.
type wait struct {
	request Request
	served  chan struct{} // closed when lease or err is set
	lease   *Lease
	err     error
}

func (w *wait) serve(lease *Lease, err error) {
	w.lease, w.err = lease, err
	close(w.served)
}

// giveUp ends the wait. If a connection is handed over at the same instant, it
// goes to the next.
func (w *wait) giveUp() {
	if w.request.Cancel() {
		return
	}
	if <-w.served; w.lease != nil {
		w.lease.ReleaseUnused()
	}
}

// waitError is for a client whose ctx has ended.
func waitError(ctx context.Context) error {
	return fmt.Errorf("wait for a server connection: %w", context.Cause(ctx))
}

// TryAcquire is Acquire if there is an idle server connection, which does not
// wait nor allocate; else it returns false.
func (g *Group) TryAcquire(key Key) (*Lease, bool) { return g.TryAcquireAlike(key, nil) }

// TryAcquireAlike is TryAcquire with a preference among the idle server
// connections: of the few that were in use last, one whose Server.Affinity equals
// affinity. If there is none, or affinity is nil, any will do, unless Key.Exact
// says otherwise.
func (g *Group) TryAcquireAlike(key Key, affinity any) (*Lease, bool) {
	for {
		c := g.tryLend(key, affinity)
		if c == nil {
			return nil, false
		}
		if c.fit() { // looked at without the lock: it is ours already
			return &c.lease, true
		}
	}
}

// tryLend takes out an idle connection, nil if there is none.
func (g *Group) tryLend(key Key, affinity any) *connection {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock() // nobody is served by it
	p := g.pools[key]
	if p == nil {
		return nil
	}
	return p.lend(affinity, now)
}
