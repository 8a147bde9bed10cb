package database

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"postern/catalog"
	"postern/wake"
	"postern/wake/superuser"
)

// Provision makes the tenant's roles and databases in the shared instance, which is
// made before if there is none, and leaves that running. What a broken-off attempt
// left is removed first, and so is what was kept of the same tenant.
func (d *Driver) Provision(ctx context.Context, t *catalog.Tenant) error {
	return d.create(ctx, t, func(context.Context, wake.Endpoint) error { return nil })
}

func (d *Driver) create(ctx context.Context, t *catalog.Tenant, fill func(context.Context, wake.Endpoint) error) error {
	if err := check(t); err != nil {
		return err
	}
	if s, err := d.marks.standing(t.UID); s == made || err != nil {
		return err
	}
	leave, err := d.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := d.provision(ctx, t, fill); err != nil {
		return roomError(fmt.Errorf("provision tenant %s: %w", t.ID, err))
	}
	return nil
}

func (d *Driver) provision(ctx context.Context, t *catalog.Tenant, fill func(context.Context, wake.Endpoint) error) error {
	r, err := d.make(ctx)
	if err != nil {
		return err
	}
	conn, err := d.connect(ctx, d.endpoint(r, t))
	if err != nil {
		return err
	}
	defer conn.Close() // which gives up the lock
	if err := conn.Lock(ctx, t.UID); err != nil {
		return err
	}
	if s, err := d.marks.standing(t.UID); s == made || err != nil { // another proxy was first
		return err
	}
	if err := d.marks.remove(t.UID); err != nil { // what was kept goes as well
		return err
	}
	if err := d.marks.begin(t); err != nil {
		return err
	}
	if err := conn.DropShare(ctx); err != nil {
		return err
	}
	if err := makeContents(ctx, conn, t); err != nil {
		return err
	}
	if err := fill(ctx, d.endpoint(r, t)); err != nil {
		return err
	}
	return d.marks.move(t.UID, making, made)
}

// make returns the running instance, having made it if there was none.
func (d *Driver) make(ctx context.Context) (*run, error) {
	if err := d.config.Instances.Provision(ctx, d.instance); err != nil {
		return nil, fmt.Errorf("make the shared instance: %w", err)
	}
	r, err := d.start(ctx)
	if err != nil {
		return nil, err
	}
	return r, r.prepare(ctx)
}

// prepare makes the instance fit for tenants, if it is not yet.
func (r *run) prepare(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.prepared {
		return nil
	}
	conn, err := superuser.Connect(ctx, r.endpoint, "postgres")
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.Lock(ctx, "prepare"); err != nil { // other proxies may be at it, too
		return err
	}
	if err := conn.PrepareShared(ctx); err != nil {
		return err
	}
	r.prepared = true
	return nil
}

// makeContents makes the groups, and the roles and databases of the record.
func makeContents(ctx context.Context, conn *superuser.Conn, t *catalog.Tenant) error {
	if err := conn.EnsureShare(ctx); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(t.Roles)) {
		role := t.Roles[name]
		err := conn.EnsureRole(ctx, superuser.RoleSpec{
			Name: name, Verifier: role.Verifier, NoLogin: !role.CanLogin, ValidUntil: role.ValidUntil, ReadOnly: role.ReadOnly,
		})
		if err != nil {
			return err
		}
	}
	for _, name := range t.Databases {
		if err := conn.EnsureDatabase(ctx, name, owner); err != nil {
			return err
		}
	}
	return nil
}

// owner is the role that owns a tenant's databases.
const owner = "app"

// roomError makes a full disk known as such.
func roomError(err error) error {
	var pg *pgconn.PgError
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.As(err, &pg) && pg.Code == "53100" {
		return fmt.Errorf("%w: %w", wake.ErrNoRoom, err)
	}
	return err
}
