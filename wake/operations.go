package wake

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"time"

	"postern/catalog"
)

// errUnchanged ends a Transition that has nothing to change.
var errUnchanged = errors.New("nothing to change")

// wake starts t's instance and ends the operation.
func (g *Gate) wake(operation *operation, t *catalog.Tenant) {
	if g.config.Admit != nil {
		done, err := g.config.Admit(t)
		if err != nil { // which is no failure of the tenant's
			operation.err = err
			close(operation.done)
			g.finish(operation, false)
			return
		}
		defer done()
	}
	ctx, cancel := context.WithTimeout(g.life, g.config.Timeout)
	defer cancel()

	endpoint, filed, err := g.holdAndStart(ctx, operation, t)
	if err != nil {
		err = g.failed(t.ID, err)
	} else {
		g.succeeded(t.ID)
	}
	operation.endpoint, operation.err = endpoint, err
	close(operation.done)

	g.recordOutcome(t.ID, err, <-filed)
	g.finish(operation, err == nil)
}

// holdAndStart starts t's instance once no other proxy can suspend it. The catalog
// hears of it beside the start, not before it: filed has the record then, nil if it
// was not written.
func (g *Gate) holdAndStart(ctx context.Context, operation *operation, t *catalog.Tenant) (_ Endpoint, filed <-chan *catalog.Tenant, _ error) {
	recorded := make(chan *catalog.Tenant, 1)
	if err := g.hold(ctx, t); err != nil {
		recorded <- nil
		return Endpoint{}, recorded, err
	}
	go func() {
		recorded <- g.record(ctx, t.ID, func(t *catalog.Tenant) error {
			switch t.State {
			case catalog.Provisioning, catalog.Paused, catalog.Deleting:
				return errUnchanged // these say more, and may have come since
			}
			if unmade(t) {
				t.State, t.Failure = catalog.Provisioning, ""
				return nil
			}
			t.State, t.Owner, t.Deadline = catalog.Waking, g.config.Owner, time.Now().Add(g.config.Timeout)
			return nil
		})
	}()
	endpoint, err := g.start(ctx, operation, t)
	return endpoint, recorded, err
}

// start takes a slot and calls the driver; a tenant that has no instance yet gets
// one first.
func (g *Gate) start(ctx context.Context, operation *operation, t *catalog.Tenant) (Endpoint, error) {
	driver, err := g.driver(t)
	if err != nil {
		return Endpoint{}, err
	}
	if err := g.slots.Acquire(ctx, 1); err != nil {
		return Endpoint{}, err
	}
	defer g.slots.Release(1)
	began := time.Now()
	endpoint, err := driver.Wake(ctx, t)
	if errors.Is(err, ErrNotProvisioned) && driver.Capabilities().Provision {
		endpoint, err = g.provision(operation, driver, t)
	}
	if g.config.Observe != nil {
		g.config.Observe(t.Driver, time.Since(began), err)
	}
	return endpoint, err
}

// Suspend stops t's instance when its work is done, or at once if force. It
// answers a *BusyError if work is still going on when ctx ends; the instance
// then runs on. A sleeping tenant is left asleep.
func (g *Gate) Suspend(ctx context.Context, t *catalog.Tenant, force bool) error {
	driver, err := g.driver(t)
	if err != nil {
		return err
	}
	if !driver.Capabilities().Suspend {
		return ErrUnsupported
	}
	return g.exclusive(ctx, t, func(ctx context.Context, _ *operation, e *entry) (Endpoint, bool, error) {
		release := func() error {
			if g.config.Release == nil {
				return nil
			}
			return g.config.Release(ctx, t.ID, force)
		}
		endpoint, awake, err := g.stop(ctx, e, driver, t, release, Suspension{Force: force}, time.Time{})
		return endpoint, awake, busyElsewhere(err)
	})
}

// stop gives the server connections up and stops t's instance, as an operation.
// lastActive is when it had work last, zero if that is not known.
func (g *Gate) stop(ctx context.Context, e *entry, driver Driver, t *catalog.Tenant, release func() error, s Suspension, lastActive time.Time) (Endpoint, bool, error) {
	was, awake := e.endpoint, e.awake // ours while the operation is under way
	var filed *catalog.Tenant
	frozen := e.frozen
	err := g.thaw(ctx, e, driver, t)
	if err == nil {
		err = release()
	}
	if err == nil {
		filed, err = g.suspend(ctx, driver, t, s)
	}
	g.recordOutcomeOf(t.ID, err, filed, lastActive)
	if frozen && err != nil {
		g.recordThaw(t.ID)
	}
	if g.config.ObserveSuspend != nil && awake && !errors.Is(err, catalog.ErrHeld) {
		g.config.ObserveSuspend(t.Driver, busyElsewhere(err))
	}
	return was, awake && err != nil, err
}

// suspend has the driver stop t's instance once the catalog knows, and returns the
// record that says so, nil if that says more than "suspending".
func (g *Gate) suspend(ctx context.Context, driver Driver, t *catalog.Tenant, s Suspension) (*catalog.Tenant, error) {
	transition := g.config.Fleet.Claim
	if s.Force {
		transition = g.config.Store.Transition // whoever uses it
	}
	filed, err := transition(ctx, t.ID, func(t *catalog.Tenant) error {
		switch t.State {
		case catalog.Awake, catalog.Waking, catalog.Frozen, catalog.Suspending:
			t.State, t.Owner, t.Deadline = catalog.Suspending, g.config.Owner, time.Now().Add(g.config.Timeout)
			return nil
		}
		return errUnchanged // paused, failed, deleting
	})
	if err != nil && !errors.Is(err, errUnchanged) {
		return nil, err // without the catalog nothing is suspended
	}
	s.Roles = func(ctx context.Context, roles map[string]catalog.Role) error {
		return SyncRoles(ctx, g.config.Store, t.ID, roles)
	}
	return filed, driver.Suspend(ctx, t, s)
}

// Destroy stops t's instance at once, whatever it does, and removes it; see
// Driver.Destroy.
func (g *Gate) Destroy(ctx context.Context, t *catalog.Tenant, purge bool) error {
	driver, err := g.driver(t)
	if err != nil {
		return err
	}
	return g.exclusive(ctx, t, func(ctx context.Context, _ *operation, e *entry) (Endpoint, bool, error) {
		was, awake := e.endpoint, e.awake
		if err := g.thaw(ctx, e, driver, t); err != nil {
			return was, awake, err
		}
		if g.config.Release != nil {
			if err := g.config.Release(ctx, t.ID, true); err != nil {
				return was, awake, err
			}
		}
		if !driver.Capabilities().Provision {
			return Endpoint{}, false, nil // somebody else's Postgres stays
		}
		err := driver.Destroy(ctx, t, purge)
		if err == nil {
			g.succeeded(t.ID) // another of this name has not failed yet
		}
		return was, awake && err != nil, err
	})
}

// Restore brings back what Destroy kept; the tenant is asleep afterwards.
func (g *Gate) Restore(ctx context.Context, t *catalog.Tenant) error {
	driver, err := g.driver(t)
	if err != nil {
		return err
	}
	return g.exclusive(ctx, t, func(ctx context.Context, _ *operation, _ *entry) (Endpoint, bool, error) {
		if !driver.Capabilities().Provision {
			return Endpoint{}, false, nil
		}
		return Endpoint{}, false, driver.Restore(ctx, t)
	})
}

// Status asks t's driver. It never wakes and waits for nothing.
func (g *Gate) Status(ctx context.Context, t *catalog.Tenant) (Status, error) {
	driver, err := g.driver(t)
	if err != nil {
		return Status{}, err
	}
	return driver.Status(ctx, t)
}

// SyncRoles files roles, as a tenant's pg_authid has them, as the catalog's copy
// if the two differ; that is a new version of the tenant.
func SyncRoles(ctx context.Context, store catalog.Store, id catalog.TenantID, roles map[string]catalog.Role) error {
	_, err := store.Update(ctx, id, func(t *catalog.Tenant) error {
		if !maps.EqualFunc(t.Roles, roles, catalog.Role.Equal) {
			t.Roles = roles
		}
		return nil
	})
	return err
}

// failed notes a failure and returns what the waiters are told.
func (g *Gate) failed(id catalog.TenantID, err error) error {
	g.mu.Lock()
	e := g.entries[id]
	wait := backoff(e.failures)
	e.failures++
	e.retryAt, e.failure = time.Now().Add(wait), err
	g.mu.Unlock()
	g.config.Log.Warn("tenant could not be woken", "tenant", id, "error", err, "retry_after", wait)
	return &UnreadyError{Phase: "waking", RetryAfter: wait, Err: err}
}

// succeeded forgets failures.
func (g *Gate) succeeded(id catalog.TenantID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	e := g.entries[id]
	e.failures, e.retryAt, e.failure = 0, time.Time{}, nil
}

// backoff is the wait after the n-th failure in a row (from 0): half a second
// doubled up to half a minute, give or take a quarter, so that tenants that
// broke together do not come back together.
func backoff(n int) time.Duration {
	d := min(500*time.Millisecond<<min(n, 10), 30*time.Second)
	return d*3/4 + rand.N(d/2)
}

// recordOutcome files what a wake came to, of which filed was the beginning.
func (g *Gate) recordOutcome(id catalog.TenantID, err error, filed *catalog.Tenant) {
	ctx, cancel := context.WithTimeout(g.life, g.config.Timeout)
	defer cancel()
	g.record(ctx, id, func(t *catalog.Tenant) error {
		t.Owner, t.Deadline, t.Failure = "", time.Time{}, ""
		var failed *FailedError
		switch {
		case t.State == catalog.Deleting || t.State == catalog.Paused:
			return errUnchanged
		case err != nil && filed != nil && t.Generation != filed.Generation:
			return errUnchanged // another proxy has woken it, perhaps with more success
		case err == nil:
			t.State, t.LastActiveAt = catalog.Awake, time.Now()
		case errors.As(err, &failed):
			t.State, t.Failure = catalog.Failed, failed.Text()
		case unmade(t):
			t.State = catalog.Provisioning // the next who asks for it tries again
		default:
			t.State = catalog.Asleep
		}
		return nil
	})
}

// recordOutcomeOf files what a suspend came to, of which filed was the beginning.
func (g *Gate) recordOutcomeOf(id catalog.TenantID, err error, filed *catalog.Tenant, lastActive time.Time) {
	if err != nil && filed == nil {
		return // it never came to suspending
	}
	ctx, cancel := context.WithTimeout(g.life, g.config.Timeout)
	defer cancel()
	g.record(ctx, id, func(t *catalog.Tenant) error {
		switch t.State {
		case catalog.Suspending, catalog.Awake, catalog.Waking, catalog.Frozen:
		default:
			return errUnchanged
		}
		if filed != nil && t.Generation != filed.Generation {
			return errUnchanged // somebody else has it now
		}
		t.Owner, t.Deadline = "", time.Time{}
		t.State = catalog.Asleep
		if err != nil {
			t.State = catalog.Awake
		} else if lastActive.After(t.LastActiveAt) {
			t.LastActiveAt = lastActive
		}
		return nil
	})
}

// record files a change of state and returns the record, nil if there is nothing to
// change; the catalog being away is no reason to fail.
func (g *Gate) record(ctx context.Context, id catalog.TenantID, change func(*catalog.Tenant) error) *catalog.Tenant {
	filed, err := g.config.Store.Transition(ctx, id, change)
	g.complain(id, err)
	return filed
}

func (g *Gate) complain(id catalog.TenantID, err error) {
	if err != nil && !errors.Is(err, errUnchanged) {
		g.config.Log.Warn("cannot record the tenant's state", "tenant", id, "error", err)
	}
}
