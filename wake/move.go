package wake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/catalog"
)

// Filler is a Driver that tenants of other drivers can move to.
type Filler interface {
	Driver
	// Fill is Provision, but that fill brings in what the tenant's databases hold
	// before the instance counts as complete. Where fill fails, or is broken off,
	// the tenant is not provisioned.
	Fill(ctx context.Context, t *catalog.Tenant, fill func(context.Context, Endpoint) error) error
}

// Mover copies what a tenant's databases hold.
type Mover interface {
	// Survey returns the tenant's record completed by the roles and databases that
	// the instance has beside it. Somebody at work there is a *BusyError.
	Survey(ctx context.Context, t *catalog.Tenant, from Endpoint) (*catalog.Tenant, error)
	// Copy fills the databases of the record, which are there and empty, as its
	// roles are. It leaves the source alone.
	Copy(ctx context.Context, t *catalog.Tenant, from, to Endpoint) error
}

// Move takes the tenant to another driver; it is awake there then. Whoever asks for
// its instance meanwhile waits, in every proxy; where another one uses it, that is a
// *BusyError. The caller sees to it that no client of this one is at work
// (proxy.Server.Hold). Until the catalog names the other driver the source is as it
// was, and a Move that fails leaves it so; then the source is given up as by Destroy,
// without purge. A tenant that is there already stays.
//
// When ctx ends the move is broken off, or after an hour; GateConfig.Timeout does not
// bound it.
func (g *Gate) Move(ctx context.Context, t *catalog.Tenant, driver string, mover Mover) error {
	target, ok := g.config.Drivers[driver].(Filler)
	if !ok {
		return fmt.Errorf("move tenant %s to driver %q: %w", t.ID, driver, ErrUnsupported)
	}
	return g.exclusive(ctx, t, func(_ context.Context, o *operation, e *entry) (Endpoint, bool, error) {
		deadline, ok := ctx.Deadline()
		if !ok {
			deadline = time.Now().Add(time.Hour)
		}
		moving, cancel := context.WithDeadline(g.life, deadline)
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		move := move{gate: g, operation: o, target: target, driver: driver, mover: mover, deadline: deadline}
		endpoint, awake, err := move.run(moving, t, e)
		if err != nil {
			err = fmt.Errorf("move tenant %s to driver %q: %w", t.ID, driver, busyElsewhere(err))
		}
		return endpoint, awake, err
	})
}

// move is one Move, under way.
type move struct {
	gate      *Gate
	operation *operation
	target    Filler
	driver    string
	mover     Mover
	deadline  time.Time
	claimed   *catalog.Tenant // the record that says that it is under way
}

func (m *move) run(ctx context.Context, t *catalog.Tenant, e *entry) (Endpoint, bool, error) {
	from, awake := e.endpoint, e.runs()
	t, source, err := m.look(ctx, t)
	if err != nil || t.Driver == m.driver {
		return from, awake, err
	}
	frozen := e.frozen
	if err := m.gate.thaw(ctx, e, source, t); err != nil {
		return from, awake, err
	}
	if err := m.claim(ctx, t); err != nil {
		if frozen {
			m.gate.recordThaw(t.ID)
		}
		return from, awake, err
	}
	if !awake {
		if from, err = source.Wake(ctx, t); err != nil {
			m.file(ctx, catalog.Asleep)
			return Endpoint{}, false, err
		}
	}
	moved, err := m.transfer(ctx, t, from)
	if err != nil {
		m.file(ctx, catalog.Awake) // where it was
		return from, true, err
	}
	m.operation.tenant = moved
	if err := source.Destroy(ctx, t, false); err != nil {
		m.gate.config.Log.Warn("what a moved tenant has left behind cannot be removed", "tenant", t.ID, "driver", t.Driver, "error", err)
	}
	endpoint, err := m.target.Wake(ctx, moved)
	if err != nil {
		m.gate.config.Log.Warn("a moved tenant is not awake", "tenant", t.ID, "error", err)
		m.file(ctx, catalog.Asleep)
		return Endpoint{}, false, nil
	}
	m.file(ctx, catalog.Awake)
	return endpoint, true, nil
}

// look reads the record afresh.
func (m *move) look(ctx context.Context, t *catalog.Tenant) (*catalog.Tenant, Driver, error) {
	now, err := m.gate.config.Store.Lookup(ctx, t.ID)
	if err != nil {
		return t, nil, err
	}
	source, err := m.gate.driver(now)
	if err == nil && now.UID != t.UID {
		err = catalog.ErrNotFound
	}
	if err == nil && !(source.Capabilities().Superuser && source.Capabilities().Provision) {
		err = fmt.Errorf("from driver %q: %w", now.Driver, ErrUnsupported)
	}
	return now, source, err
}

// claim has other proxies leave the tenant alone, as if it were being suspended, and
// this one hold it.
func (m *move) claim(ctx context.Context, t *catalog.Tenant) error {
	var err error
	m.claimed, err = m.gate.config.Fleet.Claim(ctx, t.ID, func(now *catalog.Tenant) error {
		switch {
		case now.UID != t.UID || now.Deleted():
			return catalog.ErrNotFound
		case now.State != catalog.Asleep && now.State != catalog.Awake && now.State != catalog.Waking && now.State != catalog.Frozen:
			return &BusyError{Because: []string{"its state, which is " + string(now.State)}}
		}
		now.State, now.Owner, now.Deadline = catalog.Suspending, m.gate.config.Owner, m.deadline
		return nil
	})
	if err != nil {
		return err
	}
	return m.gate.hold(ctx, t)
}

// file ends what claim has begun, unless somebody else has taken over.
func (m *move) file(ctx context.Context, state catalog.State) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.gate.config.Timeout)
	defer cancel()
	m.gate.record(ctx, m.claimed.ID, func(t *catalog.Tenant) error {
		if t.Generation != m.claimed.Generation {
			return errUnchanged
		}
		t.State, t.Owner, t.Deadline = state, "", time.Time{}
		if state == catalog.Awake {
			t.LastActiveAt = time.Now()
		}
		return nil
	})
}

// transfer fills the target and files the tenant there. On an error the source is
// the tenant's still.
func (m *move) transfer(ctx context.Context, t *catalog.Tenant, from Endpoint) (*catalog.Tenant, error) {
	whole, err := m.mover.Survey(ctx, t, from)
	if err != nil {
		return nil, err
	}
	filled := whole.Clone()
	filled.Driver = m.driver
	if err := m.target.Destroy(ctx, filled, true); err != nil { // what another attempt, or an earlier stay, has left
		return nil, err
	}
	err = m.target.Fill(ctx, filled, func(ctx context.Context, to Endpoint) error {
		return m.mover.Copy(ctx, filled, from, to)
	})
	if err != nil {
		m.discard(ctx, filled)
		return nil, err
	}
	store := m.gate.config.Store
	moved, err := store.Update(ctx, t.ID, func(t *catalog.Tenant) error {
		if t.UID != filled.UID || t.Generation != m.claimed.Generation {
			return catalog.ErrConflict // it was deleted, or took too long
		}
		t.Driver, t.Roles, t.Databases = m.driver, filled.Roles, filled.Databases
		return nil
	})
	if err == nil {
		return moved, nil
	}
	// It may have been filed all the same.
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.gate.config.Timeout)
	defer cancel()
	now, lookErr := store.Lookup(asking, t.ID)
	switch {
	case lookErr == nil && now.Driver == m.driver:
		return now, nil
	case lookErr == nil || errors.Is(lookErr, catalog.ErrNotFound):
		m.discard(ctx, filled)
	}
	return nil, err
}

// discard removes what was made in vain.
func (m *move) discard(ctx context.Context, t *catalog.Tenant) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := m.target.Destroy(ctx, t, true); err != nil {
		m.gate.config.Log.Warn("what a broken-off move has made cannot be removed", "tenant", t.ID, "driver", m.driver, "error", err)
	}
}
