package wake

import (
	"context"
	"time"

	"postern/catalog"
)

// watch notices when an instance ends without our doing: its next client wakes
// it again.
func (g *Gate) watch(t *catalog.Tenant, endpoint Endpoint, unwatch <-chan struct{}) {
	defer g.running.Done()
	select {
	case <-endpoint.Gone:
	case <-unwatch:
		return
	case <-g.life.Done():
		return
	}
	if !g.ended(t.ID, endpoint.Run) {
		return
	}
	g.config.Log.Warn("instance ended by itself", "tenant", t.ID, "run", endpoint.Run)
	ctx, cancel := context.WithTimeout(g.life, g.config.Timeout)
	defer cancel()
	// The hold ends with this, unless somebody has woken it.
	_ = g.exclusive(ctx, t, func(_ context.Context, _ *operation, e *entry) (Endpoint, bool, error) {
		return e.endpoint, e.awake, nil
	})
	g.recordUnheld(ctx, t.ID, func(now *catalog.Tenant) error {
		if now.State != catalog.Awake && now.State != catalog.Frozen || g.engaged(t.ID) {
			return errUnchanged // it is woken again, which is filed behind this
		}
		now.State = catalog.Asleep
		return nil
	})
}

// ended forgets a run that has ended, and reports whether that was news. An
// operation that is under way may be the reason, so it is waited for.
func (g *Gate) ended(id catalog.TenantID, run string) bool {
	for {
		g.mu.Lock()
		e := g.entries[id]
		if e == nil || !e.awake || e.endpoint.Run != run {
			g.mu.Unlock()
			return false
		}
		operation := e.operation
		if operation == nil {
			e.awake, e.frozen, e.unwatch, e.failures, e.retryAt, e.failure = false, false, nil, 0, time.Time{}, nil
			g.moved(e, false)
			g.drop(id, e)
			g.mu.Unlock()
			return true
		}
		g.mu.Unlock()
		<-operation.over
	}
}

// engaged reports whether the tenant is awake or being worked on.
func (g *Gate) engaged(id catalog.TenantID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	e := g.entries[id]
	return e != nil && (e.awake || e.operation != nil)
}
