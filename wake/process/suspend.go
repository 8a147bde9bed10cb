package process

import (
	"context"
	"fmt"
	"sync"

	"postern/catalog"
	"postern/wake"
	"postern/wake/postgres"
	"postern/wake/superuser"
)

// Suspend stops the tenant's instance if nobody but Postern is connected: a
// checkpoint while clients can still come, another look, the roles, and a fast
// shutdown. With Force, sessions are ended with 57P01 first. Up to the shutdown,
// it gives up when the instance is wanted. If the shutdown takes longer than ctx's deadline, it becomes an immediate one; nothing that
// was committed is lost by that.
func (d *Driver) Suspend(ctx context.Context, t *catalog.Tenant, s wake.Suspension) error {
	h := d.tenant(t.ID)
	l, err := h.lockOf(ctx, t)
	if err != nil {
		return err
	}
	defer l.release()
	i, err := h.cluster(postgres.Installation{}).Running(ctx)
	if err != nil {
		return fmt.Errorf("suspend tenant %s: %w", t.ID, err)
	}
	if i != nil {
		i = d.watch(t.ID, i)
		if err := h.quiesceUnlessWanted(ctx, i, s); err != nil {
			return fmt.Errorf("suspend tenant %s: %w", t.ID, err)
		}
		if err := h.stop(ctx, i); err != nil {
			return fmt.Errorf("suspend tenant %s: %w", t.ID, err)
		}
	}
	d.forget(t.ID)
	return nil
}

// quiesceUnlessWanted is quiesce, but gives up when the instance is wanted: who
// comes during a long checkpoint need not wait for it.
func (h home) quiesceUnlessWanted(ctx context.Context, i *postgres.Instance, s wake.Suspension) error {
	quiet, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-s.Wanted:
			cancel()
		case <-quiet.Done():
		}
	})
	err := h.quiesce(quiet, i, s)
	cancel()
	watch.Wait()
	select {
	case <-s.Wanted:
		return &wake.BusyError{Because: []string{"somebody who has just come"}}
	default:
		return err
	}
}

// quiesce makes the instance ready to be stopped. On an error it runs on.
func (h home) quiesce(ctx context.Context, i *postgres.Instance, s wake.Suspension) error {
	conn, err := superuser.Connect(ctx, h.endpoint(i), "postgres")
	if err != nil {
		return err
	}
	defer conn.Close()
	if s.Force {
		if err := conn.TerminateClients(ctx); err != nil {
			return err
		}
	} else if err := unlessBusy(ctx, conn); err != nil {
		return err
	}
	if err := conn.Checkpoint(ctx); err != nil {
		return err
	}
	if !s.Force { // somebody may have come during the checkpoint
		if err := unlessBusy(ctx, conn); err != nil {
			return err
		}
	}
	if s.Roles == nil {
		return nil
	}
	roles, err := conn.Roles(ctx)
	if err != nil {
		return err
	}
	return s.Roles(ctx, roles)
}

// unlessBusy is an error if somebody uses the instance, but for idle backends of our
// own.
func unlessBusy(ctx context.Context, conn *superuser.Conn, own ...uint32) error {
	because, err := conn.Busy(ctx, own...)
	if err != nil {
		return err
	}
	if len(because) > 0 {
		return &wake.BusyError{Because: because}
	}
	return nil
}
