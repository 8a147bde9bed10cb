package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/catalog"
)

// FileOperation keeps the record of an operation, and drops those that are too old.
func (s *Store) FileOperation(ctx context.Context, o catalog.Operation) error {
	err := s.transact(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "delete from postern.operations where updated_at < $1", o.CreatedAt.Add(-catalog.KeepOperations))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into postern.operations (id, tenant, kind, state, failure, deadline, created_at, updated_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8)`,
			o.ID, string(o.Tenant), o.Kind, string(o.State), o.Failure, o.Deadline, o.CreatedAt, o.UpdatedAt)
		return err
	})
	if err != nil {
		return fmt.Errorf("file operation: %w", err)
	}
	return nil
}

// MoveOperation files the next state of an operation; one that is over stays as it
// is.
func (s *Store) MoveOperation(ctx context.Context, id string, to catalog.OperationState, failure string) error {
	err := s.transact(ctx, func(tx pgx.Tx) error {
		o, err := scanOperation(tx.QueryRow(ctx, selectOperation+" for update", id))
		if err != nil || o.State.Over() {
			return err
		}
		o = o.Moved(to, failure, time.Now())
		_, err = tx.Exec(ctx, "update postern.operations set state = $2, failure = $3, updated_at = $4 where id = $1",
			id, string(o.State), o.Failure, o.UpdatedAt)
		return err
	})
	if err != nil {
		return fmt.Errorf("operation %q: %w", id, err)
	}
	return nil
}

// LookupOperation returns the record of an operation, or catalog.ErrNoOperation.
func (s *Store) LookupOperation(ctx context.Context, id string) (catalog.Operation, error) {
	o, err := scanOperation(s.pool.QueryRow(ctx, selectOperation, id))
	if err != nil {
		return catalog.Operation{}, fmt.Errorf("operation %q: %w", id, storeError(ctx, err))
	}
	return o, nil
}

const selectOperation = `select id, tenant, kind, state, failure, deadline, created_at, updated_at
	from postern.operations where id = $1`

func scanOperation(row pgx.Row) (o catalog.Operation, err error) {
	err = row.Scan(&o.ID, &o.Tenant, &o.Kind, &o.State, &o.Failure, &o.Deadline, &o.CreatedAt, &o.UpdatedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return o, catalog.ErrNoOperation
	}
	for _, t := range []*time.Time{&o.Deadline, &o.CreatedAt, &o.UpdatedAt} {
		*t = t.UTC()
	}
	return o, err
}
