package wake

import (
	"context"
	"errors"
	"time"

	"postern/catalog"
)

// Hold keeps the tenant's instance from being suspended for being idle until
// release is called, once; that counts as its last use. It wakes nothing, and does
// not stand in the way of Suspend. Whoever calls Ready under a Hold has the
// instance until it releases it.
func (g *Gate) Hold(id catalog.TenantID) (release func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.entry(id).holds++
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		e := g.entries[id]
		e.holds--
		e.held = time.Now()
		g.drop(id, e)
	}
}

// held tells how many Holds the tenant has, and when the last ended or, if that is
// later, somebody came for whom it was thawed.
func (g *Gate) held(id catalog.TenantID) (holds int, last time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e := g.entries[id]; e != nil {
		return e.holds, e.held
	}
	return 0, time.Time{}
}

// SuspendIdle stops t's instance if nobody uses it, nor has since the given time.
// Unlike Suspend it waits for nobody and ends nobody: a *BusyError says who is in
// the way, and everything is as it was then, but for idle server connections, which
// may be closed. Who asks for the instance before it has begun to stop gets it;
// who comes later waits, and it is woken again. A sleeping tenant is left asleep. One
// that other proxies use is left to them, and this one forgets it.
//
// When ctx ends, the suspend goes on; its deadline counts.
func (g *Gate) SuspendIdle(ctx context.Context, t *catalog.Tenant, since time.Time) error {
	driver, err := g.driver(t)
	if err != nil {
		return err
	}
	if !driver.Capabilities().Suspend {
		return ErrUnsupported
	}
	return g.whileIdle(ctx, t, since, func(ctx context.Context, o *operation, e *entry) (Endpoint, bool, error) {
		release := func() error {
			if g.config.ReleaseIdle == nil {
				return nil
			}
			return g.config.ReleaseIdle(ctx, t, since)
		}
		endpoint, awake, err := g.stop(ctx, e, driver, t, release, Suspension{Wanted: o.wanted}, since)
		if errors.Is(err, catalog.ErrHeld) {
			return Endpoint{}, false, errElsewhere
		}
		return endpoint, awake, busyElsewhere(err)
	})
}

// whileIdle does work as an operation on a tenant that runs and that nobody holds, nor
// has since the given time. Its error is errWanted if somebody was in the way who has
// come for the instance meanwhile.
func (g *Gate) whileIdle(ctx context.Context, t *catalog.Tenant, since time.Time, work work) error {
	operation, err := g.beginIdle(ctx, t, since, work)
	if operation == nil {
		return err
	}
	select {
	case <-operation.over:
		var busy *BusyError
		if isClosed(operation.wanted) && errors.As(operation.err, &busy) {
			return errWanted
		}
		return operation.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// beginIdle starts the operation of whileIdle; nil if there is none to start.
func (g *Gate) beginIdle(ctx context.Context, t *catalog.Tenant, since time.Time, work work) (*operation, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	e := g.entries[t.ID]
	switch {
	case e == nil || e.operation == nil && !e.runs():
		return nil, nil
	case e.operation != nil:
		return nil, &BusyError{Because: []string{"another operation on the tenant"}}
	case e.holds > 0 || e.held.After(since):
		return nil, &BusyError{Because: []string{heldBecause}}
	}
	begun, err := g.begin(e, t, false)
	if err != nil {
		return nil, err
	}
	go g.perform(ctx, begun, e, work)
	return begun, nil
}

// errWanted is why an instance is not suspended that somebody has asked for meanwhile.
var errWanted = &BusyError{Because: []string{"somebody who has just come"}}

// heldBecause is who is in the way of a suspend by Hold.
const heldBecause = "an operation of Postern's"
