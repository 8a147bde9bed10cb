package pgstore

import (
	"context"
	"fmt"
	"maps"

	"github.com/jackc/pgx/v5"

	"postern/catalog"
)

// Remember implements catalog.Store.
func (s *Store) Remember(ctx context.Context, id catalog.TenantID, version int64, g catalog.Greeting) error {
	if g.Settings == nil {
		g.Settings = map[string]string{}
	}
	if g.Parameters == nil {
		g.Parameters = map[string]string{}
	}
	err := s.transact(ctx, func(tx pgx.Tx) error {
		current, err := lock(ctx, tx, id)
		if err != nil || current.Version != version || !g.Storable() {
			return err
		}
		known, there := current.Greetings[g.Key()]
		if there && maps.Equal(known.Parameters, g.Parameters) {
			return nil
		}
		if err := insertGreeting(ctx, tx, id, g); err != nil {
			return err
		}
		return announce(ctx, tx, id)
	})
	if err != nil {
		return fmt.Errorf("remember greeting of tenant %q: %w", id, err)
	}
	return nil
}

// Forget implements catalog.Store.
func (s *Store) Forget(ctx context.Context, id catalog.TenantID) error {
	err := s.transact(ctx, func(tx pgx.Tx) error {
		if _, err := lock(ctx, tx, id); err != nil {
			return err
		}
		if err := deleteGreetings(ctx, tx, id); err != nil {
			return err
		}
		return announce(ctx, tx, id)
	})
	if err != nil {
		return fmt.Errorf("forget greetings of tenant %q: %w", id, err)
	}
	return nil
}

// insertGreeting makes g the newest and drops the oldest beyond MaxGreetings.
func insertGreeting(ctx context.Context, tx pgx.Tx, id catalog.TenantID, g catalog.Greeting) error {
	_, err := tx.Exec(ctx, `
		insert into postern.greetings (tenant, key, role, database, settings, parameters)
		values ($1, $2, $3, $4, $5, $6)
		on conflict (tenant, key) do update set number = default, parameters = excluded.parameters`,
		id, greetingKey(g), g.Role, g.Database, g.Settings, g.Parameters)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		delete from postern.greetings
		where tenant = $1 and number not in (
			select number from postern.greetings where tenant = $1 order by number desc limit $2)`,
		id, catalog.MaxGreetings)
	return err
}

func deleteGreetings(ctx context.Context, tx pgx.Tx, id catalog.TenantID) error {
	_, err := tx.Exec(ctx, "delete from postern.greetings where tenant = $1", id)
	return err
}
