package database

import (
	"context"
	"fmt"

	"postern/catalog"
	"postern/wake"
	"postern/wake/superuser"
)

// Suspend has the tenant asleep if nobody but Postern is connected; with Force,
// sessions are ended with 57P01 first. When no other tenant is awake, the shared
// instance is stopped. That it cannot be is no error of the tenant's.
func (d *Driver) Suspend(ctx context.Context, t *catalog.Tenant, s wake.Suspension) error {
	switch standing, err := d.marks.standing(t.UID); {
	case err != nil:
		return err
	case standing != made:
		return wake.ErrNotProvisioned
	}
	if err := d.suspend(ctx, t, s); err != nil {
		return fmt.Errorf("suspend tenant %s: %w", t.ID, err)
	}
	d.stopIfIdle(ctx, s)
	return nil
}

func (d *Driver) suspend(ctx context.Context, t *catalog.Tenant, s wake.Suspension) error {
	status, err := d.Status(ctx, t)
	if err != nil || !status.Running {
		return err
	}
	leave, err := d.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	r, err := d.start(ctx)
	if err != nil {
		return err
	}
	if err := d.quiesce(ctx, d.endpoint(r, t), s); err != nil {
		return err
	}
	return d.sleep(t)
}

// quiesce sees to it that the tenant can sleep. On an error it is awake as before.
func (d *Driver) quiesce(ctx context.Context, e wake.Endpoint, s wake.Suspension) error {
	conn, err := d.connect(ctx, e)
	if err != nil {
		return err
	}
	defer conn.Close()
	if s.Force {
		err = conn.TerminateClients(ctx)
	} else {
		err = unlessBusy(ctx, conn)
	}
	if err == nil {
		err = unlessWanted(s)
	}
	if err != nil || s.Roles == nil {
		return err
	}
	roles, err := conn.Roles(ctx)
	if err != nil {
		return err
	}
	if err := s.Roles(ctx, roles); err != nil {
		return err
	}
	return unlessWanted(s)
}

func unlessWanted(s wake.Suspension) error {
	select {
	case <-s.Wanted:
		return &wake.BusyError{Because: []string{"somebody who has just come"}}
	default:
		return nil
	}
}

func unlessBusy(ctx context.Context, conn *superuser.Conn) error {
	because, err := conn.Busy(ctx)
	if err == nil && len(because) > 0 {
		return &wake.BusyError{Because: because}
	}
	return err
}

// sleep ends what awaken has begun.
func (d *Driver) sleep(t *catalog.Tenant) error {
	if err := d.marks.sleep(t.UID); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if a, known := d.awake[t.UID]; known {
		close(a.gone)
		delete(d.awake, t.UID)
	}
	return nil
}
