package pgstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/catalog"
)

// Create implements catalog.Store.
func (s *Store) Create(ctx context.Context, t *catalog.Tenant) (*catalog.Tenant, error) {
	created, err := catalog.Created(t, time.Now())
	if err != nil {
		return nil, fmt.Errorf("create tenant: %w", err)
	}
	err = s.transact(ctx, func(tx pgx.Tx) error {
		if err := insertTenant(ctx, tx, created); err != nil {
			return err
		}
		if err := insertHostnames(ctx, tx, created); err != nil {
			return err
		}
		if err := insertRoles(ctx, tx, created); err != nil {
			return err
		}
		return announce(ctx, tx, created.ID)
	})
	if err != nil {
		return nil, fmt.Errorf("create tenant %s: %w", t.ID, err)
	}
	return created, nil
}

// Update implements catalog.Store. change runs while the tenant's row is locked
// and one of the pool's connections is taken, so it must not call the store.
func (s *Store) Update(ctx context.Context, id catalog.TenantID, change func(*catalog.Tenant) error) (*catalog.Tenant, error) {
	var updated *catalog.Tenant
	var refused error // by change
	err := s.transact(ctx, func(tx pgx.Tx) error {
		current, err := lock(ctx, tx, id)
		if err != nil {
			return err
		}
		updated, refused = catalog.Updated(current, time.Now(), change)
		if refused != nil || updated == current {
			return refused
		}
		return replaceConfiguration(ctx, tx, current, updated)
	})
	if refused != nil {
		return nil, refused
	}
	if err != nil {
		return nil, fmt.Errorf("update tenant %s: %w", id, err)
	}
	return updated, nil
}

// Transition implements catalog.Store, with the same rule for change as Update.
func (s *Store) Transition(ctx context.Context, id catalog.TenantID, change func(*catalog.Tenant) error) (*catalog.Tenant, error) {
	return s.transition(ctx, id, change, func(pgx.Tx) error { return nil })
}

// transition is Transition if allowed, called while the tenant's row is locked, is
// nil.
func (s *Store) transition(ctx context.Context, id catalog.TenantID, change func(*catalog.Tenant) error, allowed func(pgx.Tx) error) (*catalog.Tenant, error) {
	var moved *catalog.Tenant
	var refused error // by change
	err := s.transact(ctx, func(tx pgx.Tx) error {
		current, err := lock(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := allowed(tx); err != nil {
			return err
		}
		if moved, refused = catalog.Transitioned(current, change); refused != nil {
			return refused
		}
		return replaceState(ctx, tx, moved)
	})
	if refused != nil {
		return nil, refused
	}
	if err != nil {
		return nil, fmt.Errorf("change state of tenant %s: %w", id, err)
	}
	return moved, nil
}

// Purge implements catalog.Store.
func (s *Store) Purge(ctx context.Context, id catalog.TenantID) error {
	err := s.transact(ctx, func(tx pgx.Tx) error {
		deleted, err := tx.Exec(ctx, "delete from postern.tenants where id = $1", id)
		if err != nil {
			return err
		}
		if deleted.RowsAffected() == 0 {
			return catalog.ErrNotFound
		}
		return announce(ctx, tx, id)
	})
	if err != nil {
		return fmt.Errorf("purge tenant %q: %w", id, err)
	}
	return nil
}

// attempts is how often a transaction is tried that meets others in a deadlock,
// as two tenants do that exchange their host names.
const attempts = 5

// transact runs work in a transaction, perhaps more than once.
func (s *Store) transact(ctx context.Context, work func(pgx.Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, work)
		deadlock := hasCode(err, "40P01", "40001") // deadlock_detected, serialization_failure
		if !deadlock || attempt == attempts {
			return storeError(ctx, err)
		}
	}
}

func insertTenant(ctx context.Context, tx pgx.Tx, t *catalog.Tenant) error {
	inserted, err := tx.Exec(ctx, `
		insert into postern.tenants (
			id, uid, version, state, generation, owner, deadline, failure,
			driver, region, labels, settings, postgres, pg_version, pool_mode, backend, databases,
			created_at, updated_at, last_active_at, deleted_at, idle_timeout
		) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
		on conflict do nothing`,
		t.ID, t.UID, t.Version, t.State, t.Generation, t.Owner, column(t.Deadline), t.Failure,
		t.Driver, t.Region, t.Labels, t.Settings, t.Postgres, t.PGVersion, t.PoolMode, backendColumn(t.Backend), t.Databases,
		t.CreatedAt, t.UpdatedAt, column(t.LastActiveAt), column(t.DeletedAt), t.IdleTimeout)
	if err == nil && inserted.RowsAffected() == 0 {
		return catalog.ErrExists
	}
	return err
}

func insertHostnames(ctx context.Context, tx pgx.Tx, t *catalog.Tenant) error {
	rows, err := tx.Query(ctx, `
		insert into postern.hostnames (hostname, tenant, position)
		select hostname, $1, position from unnest($2::text[]) with ordinality as x (hostname, position)
		order by hostname
		on conflict do nothing
		returning hostname`, t.ID, t.Hostnames)
	if err != nil {
		return err
	}
	inserted, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, hostname := range t.Hostnames {
		if !slices.Contains(inserted, hostname) {
			return fmt.Errorf("hostname %q: %w", hostname, catalog.ErrExists)
		}
	}
	return nil
}

func insertRoles(ctx context.Context, tx pgx.Tx, t *catalog.Tenant) error {
	_, err := tx.Exec(ctx, `
		insert into postern.roles (tenant, name, verifier, can_login, valid_until, read_only)
		select $1, x.* from jsonb_to_recordset($2)
			as x (name text, verifier text, can_login boolean, valid_until timestamptz, read_only boolean)`,
		t.ID, roleRows(t))
	return err
}

// replaceConfiguration files next in the place of current.
func replaceConfiguration(ctx context.Context, tx pgx.Tx, current, next *catalog.Tenant) error {
	_, err := tx.Exec(ctx, `
		update postern.tenants set version = $2,
			driver = $3, region = $4, labels = $5, settings = $6, postgres = $7, pg_version = $8, pool_mode = $9,
			backend = $10, databases = $11, updated_at = $12, idle_timeout = $13
		where id = $1`,
		next.ID, next.Version,
		next.Driver, next.Region, next.Labels, next.Settings, next.Postgres, next.PGVersion, next.PoolMode,
		backendColumn(next.Backend), next.Databases, next.UpdatedAt, next.IdleTimeout)
	if err != nil {
		return err
	}
	if !slices.Equal(current.Hostnames, next.Hostnames) {
		if _, err := tx.Exec(ctx, "delete from postern.hostnames where tenant = $1", next.ID); err != nil {
			return err
		}
		if err := insertHostnames(ctx, tx, next); err != nil {
			return err
		}
	}
	if !maps.Equal(current.Roles, next.Roles) {
		if _, err := tx.Exec(ctx, "delete from postern.roles where tenant = $1", next.ID); err != nil {
			return err
		}
		if err := insertRoles(ctx, tx, next); err != nil {
			return err
		}
	}
	if err := deleteGreetings(ctx, tx, next.ID); err != nil {
		return err
	}
	return announce(ctx, tx, next.ID)
}

// replaceState files the state fields of next.
func replaceState(ctx context.Context, tx pgx.Tx, next *catalog.Tenant) error {
	_, err := tx.Exec(ctx, `
		update postern.tenants set generation = $2,
			state = $3, owner = $4, deadline = $5, failure = $6, last_active_at = $7, deleted_at = $8
		where id = $1`,
		next.ID, next.Generation,
		next.State, next.Owner, column(next.Deadline), next.Failure, column(next.LastActiveAt), column(next.DeletedAt))
	if err != nil {
		return err
	}
	return announce(ctx, tx, next.ID)
}
