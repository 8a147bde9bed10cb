package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"postern/catalog"
)

// Hold notes that the proxy uses the tenant until Drop. catalog.ErrSuspending means
// that the hold came too late for a suspend that is under way; it stands all the
// same, and asking again tells when that is over. It is one round trip.
//
// The two statements are one transaction. The first waits for a Claim of the tenant
// that is not committed yet, by the lock that its foreign key takes, and the second
// sees what that has written; a Claim that comes later sees the hold.
func (s *Store) Hold(ctx context.Context, boot string, id catalog.TenantID) error {
	var batch pgx.Batch
	batch.Queue(`
		insert into postern.holds (tenant, proxy)
		select $2, number from postern.proxies where boot = $1
		on conflict do nothing`, boot, id)
	var lives, suspending bool
	batch.Queue(`
		select exists (select from postern.proxies where boot = $1),
			t.state = $3 and t.owner <> $1 and t.deadline > clock_timestamp()
				and exists (select from postern.proxies where boot = t.owner and expires_at > clock_timestamp())
		from postern.tenants t where t.id = $2`, boot, id, string(catalog.Suspending),
	).QueryRow(func(row pgx.Row) error { return row.Scan(&lives, &suspending) })
	err := s.pool.SendBatch(ctx, &batch).Close()
	switch {
	case errors.Is(err, pgx.ErrNoRows) || hasCode(err, "23503"): // foreign_key_violation
		err = catalog.ErrNotFound
	case err != nil:
	case !lives:
		err = catalog.ErrLapsed
	case suspending:
		err = catalog.ErrSuspending
	}
	if err != nil {
		return fmt.Errorf("hold tenant %q: %w", id, storeError(ctx, err))
	}
	return nil
}

// Drop ends a Hold; there need not be one.
func (s *Store) Drop(ctx context.Context, boot string, id catalog.TenantID) error {
	_, err := s.pool.Exec(ctx, `
		delete from postern.holds h using postern.proxies p
		where h.tenant = $2 and h.proxy = p.number and p.boot = $1`, boot, id)
	if err != nil {
		return fmt.Errorf("drop tenant %q: %w", id, storeError(ctx, err))
	}
	return nil
}

// Claim is Transition of a tenant that no other living proxy holds; else it is
// catalog.ErrHeld. It is catalog.ErrUnsettled when this proxy has just come, or come
// back, and there are others, and catalog.ErrLapsed when it does not live.
func (s *Store) Claim(ctx context.Context, boot string, id catalog.TenantID, change func(*catalog.Tenant) error) (*catalog.Tenant, error) {
	return s.transition(ctx, id, change, func(tx pgx.Tx) error {
		var lives, settled, held bool
		err := tx.QueryRow(ctx, `
			select
				exists (select from postern.proxies where boot = $1 and expires_at > clock_timestamp()),
				exists (select from postern.proxies where boot = $1 and since + lease <= clock_timestamp())
					or not exists (select from postern.proxies where boot <> $1),
				exists (select from postern.holds h join postern.proxies p on p.number = h.proxy
					where h.tenant = $2 and p.boot <> $1 and p.expires_at > clock_timestamp())`,
			boot, id).Scan(&lives, &settled, &held)
		switch {
		case err != nil:
			return err
		case !lives:
			return catalog.ErrLapsed
		case held:
			return catalog.ErrHeld
		case !settled:
			return catalog.ErrUnsettled
		}
		return nil
	})
}
