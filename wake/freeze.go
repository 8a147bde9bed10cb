package wake

import (
	"context"
	"errors"
	"time"

	"postern/catalog"
)

// FreezeIdle freezes t's instance if nobody uses it, nor has since the given time; it
// does so and fails as SuspendIdle does, but server connections stay open. Who asks for
// the instance has it thawed. One that is frozen or sleeps is left alone, and a driver
// that is no Freezer answers ErrUnsupported.
func (g *Gate) FreezeIdle(ctx context.Context, t *catalog.Tenant, since time.Time) error {
	driver, err := g.driver(t)
	if err != nil {
		return err
	}
	freezer, ok := driver.(Freezer)
	if !ok {
		return ErrUnsupported
	}
	return g.whileIdle(ctx, t, since, func(ctx context.Context, o *operation, e *entry) (Endpoint, bool, error) {
		was, awake := e.endpoint, e.awake // ours while the operation is under way
		if e.frozen {
			return was, awake, nil
		}
		err := g.freeze(ctx, freezer, t, since, o.wanted)
		if err == nil {
			g.setFrozen(e, true)
		}
		return was, awake, err
	})
}

// freeze takes the server connections out of use, files the state and then freezes,
// so that a frozen instance is never one that nobody knows of. After an error all is
// as it was.
func (g *Gate) freeze(ctx context.Context, freezer Freezer, t *catalog.Tenant, since time.Time, wanted <-chan struct{}) error {
	f := Freezing{Wanted: wanted, Unheld: func(ctx context.Context) error { return g.unheld(ctx, t.ID) }}
	if g.config.Freeze != nil {
		backends, err := g.config.Freeze(t, since)
		if err != nil {
			return err
		}
		f.Backends = backends
	}
	_, err := g.config.Fleet.Claim(ctx, t.ID, func(t *catalog.Tenant) error {
		if t.State != catalog.Awake && t.State != catalog.Frozen {
			return &BusyError{Because: []string{"its state is " + string(t.State)}}
		}
		t.State = catalog.Frozen
		if since.After(t.LastActiveAt) {
			t.LastActiveAt = since
		}
		return nil
	})
	if err == nil {
		if err = freezer.Freeze(ctx, t, f); err != nil {
			g.recordThaw(t.ID)
		}
	}
	if err != nil {
		g.thawed(t)
	}
	return busyElsewhere(err)
}

// unheld is an error if another proxy uses the tenant, or may. One that asks for it
// later finds the driver at work, and thaws what that has frozen.
func (g *Gate) unheld(ctx context.Context, id catalog.TenantID) error {
	_, err := g.config.Fleet.Claim(ctx, id, func(*catalog.Tenant) error { return errUnchanged })
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

// thawOrWake ends a wake operation on a frozen tenant: it goes on, which takes less
// than a millisecond and no slot; should that fail, it is woken as any other.
func (g *Gate) thawOrWake(operation *operation, e *entry, t *catalog.Tenant) {
	ctx, cancel := context.WithTimeout(g.life, g.config.Timeout)
	defer cancel()
	driver, err := g.driver(t)
	if err == nil {
		err = g.thaw(ctx, e, driver, t)
	}
	if err != nil || isClosed(e.endpoint.Gone) {
		g.setFrozen(e, false)
		g.config.Log.Warn("a frozen instance is to be started instead", "tenant", t.ID, "error", err)
		g.wake(operation, t)
		return
	}
	operation.endpoint = e.endpoint
	close(operation.done) // nobody waits for the catalog
	g.recordThaw(t.ID)
	g.mu.Lock()
	e.held = time.Now() // its time begins anew
	g.moved(e, true)
	g.mu.Unlock()
	g.finish(operation, true)
}

// thaw has the instance go on if it is frozen, as part of an operation.
func (g *Gate) thaw(ctx context.Context, e *entry, driver Driver, t *catalog.Tenant) error {
	if !e.frozen {
		return nil
	}
	freezer, ok := driver.(Freezer)
	if !ok {
		return ErrUnsupported
	}
	if err := freezer.Thaw(ctx, t); err != nil && !errors.Is(err, ErrNotProvisioned) {
		return err
	}
	g.setFrozen(e, false)
	g.thawed(t)
	return nil
}

// setFrozen notes whether the instance is frozen, for those who look at e meanwhile.
func (g *Gate) setFrozen(e *entry, frozen bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	e.frozen = frozen
}

// thawed has the proxy use its server connections again.
func (g *Gate) thawed(t *catalog.Tenant) {
	if g.config.Thaw != nil {
		g.config.Thaw(t)
	}
}

// recordThaw files that a tenant which was to be frozen, or was, is awake.
func (g *Gate) recordThaw(id catalog.TenantID) {
	ctx, cancel := context.WithTimeout(g.life, g.config.Timeout)
	defer cancel()
	g.record(ctx, id, func(t *catalog.Tenant) error {
		if t.State != catalog.Frozen {
			return errUnchanged
		}
		t.State = catalog.Awake
		return nil
	})
}
