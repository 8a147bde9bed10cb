package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"postern/catalog"
	"postern/wake"
	"postern/wake/postgres"
	"postern/wake/superuser"
)

var _ wake.Freezer = (*Driver)(nil)

// Freeze stops the instance's processes in memory if nobody but Postern is connected
// and nothing is going on: it looks, stops the postmaster, so that nobody can come,
// looks again, and stops the rest. What is frozen, and by which process id, stands in
// no file of Postern's: the kernel says it of the process that postmaster.pid names,
// so it is known after any crash.
func (d *Driver) Freeze(ctx context.Context, t *catalog.Tenant, f wake.Freezing) error {
	h := d.tenant(t.ID)
	l, err := h.lockOf(ctx, t)
	if err != nil {
		return err
	}
	defer l.release()
	i, err := h.cluster(postgres.Installation{}).Running(ctx)
	if err == nil && i == nil {
		err = errors.New("it does not run")
	}
	if err == nil {
		err = h.freeze(ctx, d.watch(t.ID, i), f)
	}
	if err != nil {
		return fmt.Errorf("freeze tenant %s: %w", t.ID, err)
	}
	return nil
}

func (h home) freeze(ctx context.Context, i *postgres.Instance, f wake.Freezing) error {
	conn, err := superuser.Connect(ctx, h.endpoint(i), "postgres")
	if err != nil {
		return err
	}
	defer conn.Close()
	idle := func() error {
		select {
		case <-f.Wanted:
			return &wake.BusyError{Because: []string{"somebody who has just come"}}
		default:
			return unlessBusy(ctx, conn, f.Backends...)
		}
	}
	if err := idle(); err != nil {
		return err
	}
	return i.Freeze(ctx, func() error {
		if err := idle(); err != nil {
			return err
		}
		if f.Unheld != nil {
			if err := f.Unheld(ctx); err != nil {
				return err
			}
		}
		conn.Close() // frozen, it would only take memory
		return nil
	})
}

// Thaw has the instance go on. It opens no connection.
func (d *Driver) Thaw(ctx context.Context, t *catalog.Tenant) error {
	h := d.tenant(t.ID)
	l, err := h.lockOf(ctx, t)
	if err != nil {
		return err
	}
	defer l.release()
	i, err := h.cluster(postgres.Installation{}).Found()
	if err == nil && i != nil {
		err = i.Thaw()
		i.Release()
	}
	if err != nil {
		return fmt.Errorf("thaw tenant %s: %w", t.ID, err)
	}
	return nil
}

// lockOf takes the lock of a home that must be the tenant's.
func (h home) lockOf(ctx context.Context, t *catalog.Tenant) (*lock, error) {
	l, err := h.lock(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, wake.ErrNotProvisioned
	}
	if err != nil {
		return nil, err
	}
	if err := h.belongs(t); err != nil {
		l.release()
		return nil, err
	}
	return l, nil
}
