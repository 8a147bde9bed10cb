package membership

import (
	"context"
	"errors"
	"slices"
	"time"

	"postern/catalog"
)

// patience is how long a tenant's wake waits for the catalog to note the hold.
const patience = time.Second

// The pauses between two looks whether a suspend by another proxy is over.
const (
	firstPause = 5 * time.Millisecond
	lastPause  = 100 * time.Millisecond
)

// hold is what the catalog should know of one tenant. It is under Member.mu.
type hold struct {
	wanted bool // this proxy uses it
	filed  bool // the catalog knows
}

// Hold says that this proxy uses the tenant, until Drop, and returns when no other is
// suspending it. If the catalog does not answer soon, it is told later, since tenants
// are woken without it, too; the only error is then ctx's.
//
// Hold and Drop of one tenant must not overlap.
func (m *Member) Hold(ctx context.Context, id catalog.TenantID) error {
	m.want(id, true)
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := m.tell(ctx, id)
		if !errors.Is(err, catalog.ErrSuspending) {
			return ctx.Err()
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Drop says that this proxy no longer uses the tenant, if not now, then later.
func (m *Member) Drop(ctx context.Context, id catalog.TenantID) {
	m.want(id, false)
	_ = m.tell(ctx, id)
}

func (m *Member) want(id catalog.TenantID, wanted bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.holds[id] = &hold{wanted: wanted}
}

// tell files the hold if the catalog answers soon; else renew will.
func (m *Member) tell(ctx context.Context, id catalog.TenantID) error {
	if m.isAway() {
		return nil
	}
	soon, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := m.file(soon, id)
	switch {
	case err == nil || errors.Is(err, catalog.ErrSuspending) || ctx.Err() != nil:
	case errors.Is(err, catalog.ErrUnavailable) || soon.Err() != nil:
		m.heard(ctx, err)
	default:
		m.config.Log.Warn("cannot note in the catalog which tenants this proxy uses", "tenant", id, "error", err)
	}
	return err
}

// file writes whether the tenant is held as it is now.
func (m *Member) file(ctx context.Context, id catalog.TenantID) error {
	select {
	case m.filing <- struct{}{}:
		defer func() { <-m.filing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	m.mu.Lock()
	h := m.holds[id]
	if h == nil {
		m.mu.Unlock()
		return nil
	}
	wanted := h.wanted
	m.mu.Unlock()
	var err error
	if wanted {
		err = m.config.Store.Hold(ctx, m.boot, id)
	} else {
		err = m.config.Store.Drop(ctx, m.boot, id)
	}
	gone := errors.Is(err, catalog.ErrNotFound) // who purges a tenant needs no holds
	if err != nil && !gone && !errors.Is(err, catalog.ErrSuspending) {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holds[id] != h {
		return err // it has been dropped meanwhile, or taken again
	}
	h.filed = true
	if !wanted || gone {
		delete(m.holds, id)
	}
	return err
}

// unfiled lists what the catalog does not know yet.
func (m *Member) unfiled() (ids []catalog.TenantID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, h := range m.holds {
		if !h.filed {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
