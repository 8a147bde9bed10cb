package pool

import (
	"context"
	"fmt"
	"time"
)

// waiter is somebody who waits for a server connection. Its fields are under
// Group.mu; connection and err may be read without once served is closed.
type waiter struct {
	pool    *pool
	connect ConnectFunc
	since   time.Time

	// attempt is the one under way with connect, nil if there is none.
	attempt *attempt
	// refusal is how the server said last that it takes no more.
	refusal error

	queued         bool
	previous, next *waiter

	// served is closed when connection or err is set, which is when the waiter
	// has left the queue.
	served     chan struct{}
	connection *connection
	err        error
}

// wait waits until w is served or ctx ends.
func (g *Group) wait(ctx context.Context, w *waiter) (*Lease, error) {
	select {
	case <-w.served:
		if w.err != nil {
			return nil, w.err
		}
		return &w.connection.lease, nil
	case <-ctx.Done():
		g.leave(w)
		return nil, waitError(ctx)
	}
}

// leave takes w out of the queue. If it has been handed a connection at the same
// instant, that goes to the next.
func (g *Group) leave(w *waiter) {
	g.mu.Lock()
	defer g.unlock()
	p := w.pool
	switch {
	case w.connection != nil:
		p.put(w.connection, time.Now())
	case w.queued:
		p.waiting.remove(w)
		p.abandon(w)
		g.drop(p)
	}
}

// serve hands c to w, or fails it with err. Called under mu.
func (w *waiter) serve(c *connection, err error) {
	w.pool.waiting.remove(w)
	if w.attempt != nil {
		w.attempt.owner = nil // it goes on, for whoever is next
		w.attempt = nil
	}
	w.connection, w.err = c, err
	close(w.served)
}

// waitError is for a client whose ctx has ended.
func waitError(ctx context.Context) error {
	return fmt.Errorf("wait for a server connection: %w", context.Cause(ctx))
}

// queue is waiters, the oldest first. The zero value is empty.
type queue struct {
	first, last *waiter
	length      int
}

func (q *queue) push(w *waiter) {
	w.queued = true
	w.previous = q.last
	if q.last == nil {
		q.first = w
	} else {
		q.last.next = w
	}
	q.last = w
	q.length++
}

func (q *queue) remove(w *waiter) {
	if w.previous == nil {
		q.first = w.next
	} else {
		w.previous.next = w.next
	}
	if w.next == nil {
		q.last = w.previous
	} else {
		w.next.previous = w.previous
	}
	w.previous, w.next = nil, nil
	w.queued = false
	q.length--
}

// undialled is the oldest without a dial of its own. It looks past few: no more
// have one than are dialled at once.
func (q *queue) undialled() *waiter {
	w := q.first
	for w != nil && w.attempt != nil {
		w = w.next
	}
	return w
}
