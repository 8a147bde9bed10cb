package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// load is one read of the store, shared by all who wait for it.
type load struct {
	started  time.Time
	outdated bool // under Cache.mu: not to be kept, something has changed since

	done   chan struct{} // closed when tenant and err are set
	tenant *Tenant
	err    error
}

// resolve answers for n from held, if that is fresh, or by a read of the store.
// It is called with mu locked and unlocks it.
func (c *Cache) resolve(ctx context.Context, n name, held *cached) (*Tenant, error) {
	now := time.Now()
	if held != nil && !held.stale(now) {
		defer c.mu.Unlock()
		return held.tenant, nil
	}
	if held == nil && c.unknown.has(n, now) {
		c.mu.Unlock()
		return nil, fmt.Errorf("tenant %q: %w", n, ErrNotFound)
	}
	l := c.loads[n]
	if l == nil {
		l = c.startLoad(n, now)
	}
	var old *Tenant
	var impatient <-chan time.Time
	if held != nil {
		old = held.tenant
		impatient = time.After(l.started.Add(c.config.Patience).Sub(now))
	}
	c.mu.Unlock()

	select {
	case <-l.done:
	case <-impatient:
		return old, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if l.err != nil && old != nil && !errors.Is(l.err, ErrNotFound) {
		return old, nil
	}
	return l.tenant, l.err
}

// stale needs Cache.mu.
func (held *cached) stale(now time.Time) bool {
	return !now.Before(held.expires) || held.failed && now.Sub(held.readAt) >= minimumAge
}

// startLoad begins a read of the store that no caller's departure ends. It
// needs mu.
func (c *Cache) startLoad(n name, now time.Time) *load {
	l := &load{started: now, done: make(chan struct{})}
	if c.closed {
		l.err = fmt.Errorf("tenant %q: catalog cache is closed: %w", n, ErrUnavailable)
		close(l.done)
		return l
	}
	c.loads[n] = l
	c.loading.Go(func() { c.runLoad(n, l) })
	return l
}

// runLoad reads the store, files the answer and wakes whoever waits for it.
func (c *Cache) runLoad(n name, l *load) {
	ctx, cancel := context.WithTimeout(c.ctx, c.config.LoadTimeout)
	defer cancel()
	if n.hostname != "" {
		l.tenant, l.err = c.config.Store.LookupHostname(ctx, n.hostname)
	} else {
		l.tenant, l.err = c.config.Store.Lookup(ctx, n.id)
	}
	if l.err != nil && ctx.Err() != nil {
		l.err = fmt.Errorf("%w: %w", ErrUnavailable, l.err) // our own limit, not the caller's
	}

	c.mu.Lock()
	if !l.outdated {
		delete(c.loads, n)
		c.file(n, l)
	}
	c.mu.Unlock()
	close(l.done)
}

// file keeps what l has brought. It needs mu.
func (c *Cache) file(n name, l *load) {
	now := time.Now()
	switch {
	case l.err == nil:
		id := l.tenant.ID
		if n.hostname != "" {
			c.hostnames[n.hostname] = id
		}
		if held := c.records[id]; held == nil || !l.started.Before(held.readAt) {
			c.records[id] = &cached{tenant: l.tenant, readAt: l.started, expires: l.started.Add(c.config.MaxAge)}
		}
	case errors.Is(l.err, ErrNotFound):
		c.unknown.add(n, now, c.config.NegativeTTL)
		delete(c.records, n.id)
	default:
		// The store does not answer: the old record serves a while without
		// anybody's waiting for another try.
		if held := c.records[n.id]; held != nil {
			held.expires = now.Add(c.config.NegativeTTL)
			held.failed = false
		}
	}
}
