package process

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"postern/catalog"
	"postern/wake"
	"postern/wake/postgres"
)

// Provision makes the tenant's instance from the template of its version, or
// from a clone of it that runs or lies ready, with a system identifier of its own and
// the roles and databases of the record, and leaves it running. What a broken-off
// attempt left is removed first. All of it is on disk when Provision returns. Where the
// file system has less than 256 MiB free nothing is made (ErrNoRoom).
func (d *Driver) Provision(ctx context.Context, t *catalog.Tenant) error {
	return d.Fill(ctx, t, nil)
}

// Fill implements wake.Filler.
func (d *Driver) Fill(ctx context.Context, t *catalog.Tenant, fill func(context.Context, wake.Endpoint) error) error {
	h := d.tenant(t.ID)
	if err := h.belongs(t); errors.Is(err, wake.ErrNotProvisioned) {
		if err := d.checkRoom(); err != nil {
			return fmt.Errorf("provision tenant %s: %w", t.ID, err)
		}
	}
	if err := h.prepare(); err != nil {
		return roomError(err)
	}
	l, err := h.lock(ctx)
	if err != nil {
		return err
	}
	defer l.release()
	if err := h.belongs(t); !errors.Is(err, wake.ErrNotProvisioned) {
		return err // there already, or somebody else's
	}
	if err := d.provision(ctx, t, h, fill); err != nil {
		return roomError(fmt.Errorf("provision tenant %s: %w", t.ID, err))
	}
	select {
	case d.provisioned <- struct{}{}:
	default: // Run has not come to it yet
	}
	return nil
}

// provision fills a home that is not complete. Called with the lock held.
func (d *Driver) provision(ctx context.Context, t *catalog.Tenant, h home, fill func(context.Context, wake.Endpoint) error) (err error) {
	installation, err := d.pick(t)
	if err != nil {
		return err
	}
	if err := CheckSettings(t.Postgres); err != nil {
		return &wake.FailedError{Reason: err.Error(), Hint: "Correct the tenant's postgres settings."}
	}
	template, err := d.template(ctx, installation)
	if err != nil {
		return err
	}
	if err := h.discard(ctx); err != nil {
		return err
	}
	if err := h.begin(t.UID); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			d.abandon(t, h)
		}
	}()
	sync, err := d.fill(ctx, t, h, installation.Major, template)
	if err != nil {
		return err
	}
	// What is new goes to disk while Postgres starts on it: until finish, a crash
	// leaves a home that is not complete and will be made anew.
	work, ctx := errgroup.WithContext(ctx)
	work.Go(sync)
	work.Go(func() error {
		c := h.cluster(installation)
		i, err := c.Running(ctx) // a spare, which has answered before
		if err == nil && i == nil {
			i, err = h.run(ctx, c, conf(installation.Major, d.config.Settings, t.Postgres))
		}
		if err != nil {
			return err
		}
		i = d.watch(t.ID, i)
		if err := h.makeContents(ctx, i, t); err != nil || fill == nil {
			return err
		}
		return fill(ctx, h.endpoint(i))
	})
	if err := work.Wait(); err != nil {
		return err
	}
	return h.finish()
}

// abandon removes what a failed attempt has made, so that nothing runs and no disk
// is used until the next one.
func (d *Driver) abandon(t *catalog.Tenant, h home) {
	ctx, cancel := context.WithTimeout(context.Background(), abandonTimeout)
	defer cancel()
	if err := h.discard(ctx, provisioningMark); err != nil {
		d.config.Log.Warn("cannot remove a half-made instance; the next attempt tries again", "tenant", t.ID, "error", err)
	}
	d.forget(t.ID)
}

// abandonTimeout bounds the end of a half-made instance, which an immediate shutdown
// can take.
const abandonTimeout = 2 * immediateTimeout

// fill makes the home's data directory: that of a running spare or a prepared one is
// moved there, or the template is cloned. What it returns puts that on disk, but for
// the entry in the home, which finish puts there.
func (d *Driver) fill(ctx context.Context, t *catalog.Tenant, h home, major int, template string) (sync func() error, err error) {
	moved, err := d.takeSpare(t, h, major, template)
	if err != nil {
		return nil, err
	}
	if !moved {
		moved, err = d.takePrepared(h, major, template)
	}
	if err != nil {
		d.config.Log.Warn("cannot take a prepared data directory; cloning the template", "error", err)
	}
	if moved {
		return func() error { return syncDir(filepath.Dir(h.dir)) }, nil
	}
	if err := postgres.Clone(ctx, h.user, template, h.dataDir()); err != nil {
		return nil, err
	}
	if err := postgres.SetSystemIdentifier(h.dataDir(), postgres.NewSystemIdentifier()); err != nil {
		return nil, err
	}
	return func() error { return postgres.Sync(h.dir) }, nil
}

// pick chooses the binaries of a new tenant.
func (d *Driver) pick(t *catalog.Tenant) (postgres.Installation, error) {
	installation, err := postgres.Pick(d.config.Installations, t.PGVersion)
	var missing *postgres.MissingError
	if errors.As(err, &missing) {
		return installation, &wake.FailedError{
			Reason: fmt.Sprintf("PostgreSQL %d is not installed", t.PGVersion),
			Hint:   fmt.Sprintf("Install the package %s.", missing.Package()),
		}
	}
	return installation, err
}

// checkRoom is ErrNoRoom if the disk is too full for a new tenant.
func (d *Driver) checkRoom() error {
	enough, err := d.hasRoomToMake(d.config.DataDir)
	if err == nil && !enough {
		err = fmt.Errorf("%w: less than %d MiB are free in %s", wake.ErrNoRoom, makeRoom>>20, d.config.DataDir)
	}
	return err
}

// roomError makes a full disk known as such.
func roomError(err error) error {
	if isFull(err) {
		return fmt.Errorf("%w: %w", wake.ErrNoRoom, err)
	}
	return err
}
