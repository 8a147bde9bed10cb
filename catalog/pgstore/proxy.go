package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/catalog"
)

// numberLock is the advisory lock under which numbers are given to proxies.
const numberLock = migrationLock + 1

// Join gives p a row and returns it with its number: that of the process before
// with the same ID, whose holds are gone, else one that nobody has. It fails with
// catalog.ErrNoNumber. Times are the database's, so the clocks of the proxies need
// not agree.
func (s *Store) Join(ctx context.Context, p catalog.Proxy) (catalog.Proxy, error) {
	err := s.transact(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", int64(numberLock)); err != nil {
			return err
		}
		number, err := freeNumber(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		p.Number = number
		_, err = tx.Exec(ctx, `
			insert into postern.proxies (number, id, boot, address, lease, since, expires_at)
			values ($1, $2, $3, $4, $5, clock_timestamp(), clock_timestamp() + $5)`,
			p.Number, p.ID, p.Boot, p.Address, p.Lease)
		return err
	})
	if err != nil {
		return catalog.Proxy{}, fmt.Errorf("join the catalog's proxies: %w", err)
	}
	return p, nil
}

// freeNumber returns a number for the proxy id, and removes whose it was.
func freeNumber(ctx context.Context, tx pgx.Tx, id string) (uint16, error) {
	for _, keep := range []time.Duration{catalog.KeepLapsed, 0} {
		_, err := tx.Exec(ctx, "delete from postern.proxies where expires_at <= clock_timestamp() - $1::interval and id <> $2", keep, id)
		if err != nil {
			return 0, err
		}
		var number *uint16
		err = tx.QueryRow(ctx, `
			with former as (delete from postern.proxies where id = $1 returning number)
			select coalesce((select number from former), (
				select n from generate_series(0, $2 - 1) as n
				where not exists (select from postern.proxies where number = n)
				order by n limit 1))`,
			id, catalog.MaxProxies).Scan(&number)
		if err != nil {
			return 0, err
		}
		if number != nil {
			return *number, nil
		}
	}
	return 0, catalog.ErrNoNumber
}

// Renew makes the row of the proxy valid for another lease, or answers
// catalog.ErrLapsed where there is none of this boot any more.
func (s *Store) Renew(ctx context.Context, boot string) error {
	updated, err := s.pool.Exec(ctx, `
		update postern.proxies set
			since = case when expires_at > clock_timestamp() then since else clock_timestamp() end,
			expires_at = clock_timestamp() + lease
		where boot = $1`, boot)
	if err == nil && updated.RowsAffected() == 0 {
		err = catalog.ErrLapsed
	}
	if err != nil {
		return fmt.Errorf("renew this proxy's lease: %w", storeError(ctx, err))
	}
	return nil
}

// Leave removes the proxy's row, and with it its holds.
func (s *Store) Leave(ctx context.Context, boot string) error {
	if _, err := s.pool.Exec(ctx, "delete from postern.proxies where boot = $1", boot); err != nil {
		return fmt.Errorf("leave the catalog's proxies: %w", storeError(ctx, err))
	}
	return nil
}

// Proxies returns the proxies that live, in the order of their numbers.
func (s *Store) Proxies(ctx context.Context) ([]catalog.Proxy, error) {
	rows, err := s.pool.Query(ctx, `
		select number, id, boot, address, lease from postern.proxies
		where expires_at > clock_timestamp() order by number`)
	if err != nil {
		return nil, fmt.Errorf("list the catalog's proxies: %w", storeError(ctx, err))
	}
	proxies, err := pgx.CollectRows(rows, pgx.RowToStructByPos[catalog.Proxy])
	if err != nil {
		return nil, fmt.Errorf("list the catalog's proxies: %w", storeError(ctx, err))
	}
	return proxies, nil
}
