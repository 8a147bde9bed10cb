package database

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/catalog"
	"postern/wake"
	"postern/wake/superuser"
)

// Destroy ends the tenant's sessions and lets nobody into its databases any more;
// purge drops them, and its roles. Either wakes the shared instance if there is
// something to do.
func (d *Driver) Destroy(ctx context.Context, t *catalog.Tenant, purge bool) error {
	s, err := d.marks.standing(t.UID)
	if err != nil || s == none || s == kept && !purge {
		return err
	}
	defer d.stopIfIdle(ctx, wake.Suspension{})
	err = d.inside(ctx, t, func(conn *superuser.Conn) error {
		if purge || s == making { // which never was anybody's
			return conn.DropShare(ctx)
		}
		return conn.AllowShare(ctx, false)
	})
	if errors.Is(err, wake.ErrNotProvisioned) { // the instance is gone, and all with it
		err, purge = nil, true
	}
	if err == nil {
		err = d.sleep(t)
	}
	switch {
	case err != nil:
	case purge || s == making:
		err = d.marks.remove(t.UID)
	default:
		err = d.marks.move(t.UID, made, kept)
	}
	if err != nil {
		return fmt.Errorf("destroy tenant %s: %w", t.ID, err)
	}
	return nil
}

// Restore lets the tenant's roles into its databases again.
func (d *Driver) Restore(ctx context.Context, t *catalog.Tenant) error {
	switch s, err := d.marks.standing(t.UID); {
	case s == made || err != nil:
		return err
	case s != kept:
		return wake.ErrNotProvisioned
	}
	defer d.stopIfIdle(ctx, wake.Suspension{})
	err := d.inside(ctx, t, func(conn *superuser.Conn) error { return conn.AllowShare(ctx, true) })
	if err == nil {
		err = d.marks.move(t.UID, kept, made)
	}
	if err != nil {
		return fmt.Errorf("restore tenant %s: %w", t.ID, err)
	}
	return nil
}

// inside does something in the tenant's part of the instance.
func (d *Driver) inside(ctx context.Context, t *catalog.Tenant, do func(*superuser.Conn) error) error {
	leave, err := d.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	r, err := d.start(ctx)
	if err != nil {
		return err
	}
	conn, err := d.connect(ctx, d.endpoint(r, t))
	if err != nil {
		return err
	}
	defer conn.Close()
	return do(conn)
}

// EmptyTrash removes deleted tenants that were kept for KeepDeleted or longer at
// the time now, and returns how many.
func (d *Driver) EmptyTrash(ctx context.Context, now time.Time) (removed int, err error) {
	uids, err := d.marks.keptBefore(now.Add(-d.config.KeepDeleted))
	if err != nil {
		return 0, fmt.Errorf("empty trash: %w", err)
	}
	for _, uid := range uids {
		if err := d.Destroy(ctx, &catalog.Tenant{ID: catalog.TenantID(uid), UID: uid}, true); err != nil {
			return removed, fmt.Errorf("empty trash: %w", err)
		}
		removed++
	}
	return removed, nil
}
