package pgstore

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrationsTable remembers which migrations have run.
const migrationsTable = "postern.migrations"

// migrationLock is the advisory lock under which the schema is changed, so that
// proxies may start at once: "postern" in ASCII.
const migrationLock = 0x706f737465726e

// migrate makes the schema or brings it up to date.
func migrate(ctx context.Context, config *pgx.ConnConfig, log *slog.Logger) error {
	db := stdlib.OpenDB(*config)
	defer db.Close()
	// The lock is held by this connection and ends with it; it also covers the
	// schema in which goose keeps its own table.
	locked, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer locked.Close()
	if _, err := locked.ExecContext(ctx, "select pg_advisory_lock($1)", int64(migrationLock)); err != nil {
		return fmt.Errorf("lock schema: %w", err)
	}
	if err := createSchema(ctx, locked); err != nil {
		return fmt.Errorf("create schema postern: %w", err)
	}

	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithTableName(migrationsTable),
		goose.WithDisableGlobalRegistry(true),
		goose.WithSlog(slog.New(slog.DiscardHandler)), // what ran is logged below
	)
	if err != nil {
		return err
	}
	results, err := provider.Up(ctx)
	for _, result := range results {
		log.Info("catalog schema migrated", "migration", result.Source.Path, "took", result.Duration)
	}
	return err
}

// createSchema looks first: the right to create one is needed only once.
func createSchema(ctx context.Context, conn *sql.Conn) error {
	var exists bool
	if err := conn.QueryRowContext(ctx, "select to_regnamespace('postern') is not null").Scan(&exists); err != nil || exists {
		return err
	}
	_, err := conn.ExecContext(ctx, "create schema postern")
	return err
}
