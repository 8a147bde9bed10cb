package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"postern/catalog"
)

// Lookup implements catalog.Store.
func (s *Store) Lookup(ctx context.Context, id catalog.TenantID) (*catalog.Tenant, error) {
	t, err := readOne(ctx, s.pool, "where t.id = $1", id)
	if err != nil {
		return nil, fmt.Errorf("look up tenant %q: %w", id, storeError(ctx, err))
	}
	return t, nil
}

// LookupHostname implements catalog.Store.
func (s *Store) LookupHostname(ctx context.Context, hostname string) (*catalog.Tenant, error) {
	t, err := readOne(ctx, s.pool,
		"join postern.hostnames h on h.tenant = t.id where h.hostname = $1 and t.deleted_at is null",
		strings.ToLower(hostname))
	if err != nil {
		return nil, fmt.Errorf("look up hostname %q: %w", hostname, storeError(ctx, err))
	}
	return t, nil
}

// List implements catalog.Store.
func (s *Store) List(ctx context.Context, q catalog.Query) ([]*catalog.Tenant, error) {
	labels := q.Labels
	if labels == nil {
		labels = map[string]string{}
	}
	tenants, err := read(ctx, s.pool, `
		where t.id > $1
			and ($2 = '' or t.state = $2)
			and t.labels @> $3
			and ($4 or t.deleted_at is null)
			and not ($6 and exists (
				select from postern.proxies p where p.expires_at > clock_timestamp() and (
					p.boot = t.owner and t.deadline > clock_timestamp()
					or exists (select from postern.holds h where h.tenant = t.id and h.proxy = p.number))))
		order by t.id
		limit $5`,
		q.After, string(q.State), labels, q.Deleted, q.Most(), q.Unheld)
	if err != nil {
		return nil, fmt.Errorf("list tenants: %w", storeError(ctx, err))
	}
	return tenants, nil
}

// queryer is a pool or a transaction.
type queryer interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// readOne returns the one tenant that condition selects, or ErrNotFound.
func readOne(ctx context.Context, db queryer, condition string, args ...any) (*catalog.Tenant, error) {
	tenants, err := read(ctx, db, condition, args...)
	if err != nil {
		return nil, err
	}
	if len(tenants) == 0 {
		return nil, catalog.ErrNotFound
	}
	return tenants[0], nil
}

// read returns the tenants that condition selects, each whole, in one statement
// and so as of one moment.
func read(ctx context.Context, db queryer, condition string, args ...any) ([]*catalog.Tenant, error) {
	rows, err := db.Query(ctx, selectTenants+condition, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanTenant)
}

// lock returns the tenant as it is once nobody else changes it, which they
// cannot do until tx ends. It is read by a second statement: what the first
// sees beside the row that it locks may be older.
func lock(ctx context.Context, tx pgx.Tx, id catalog.TenantID) (*catalog.Tenant, error) {
	var one int
	err := tx.QueryRow(ctx, "select 1 from postern.tenants where id = $1 for update", id).Scan(&one)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("tenant %q: %w", id, catalog.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return readOne(ctx, tx, "where t.id = $1", id)
}
