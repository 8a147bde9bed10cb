package pgstore

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"

	"postern/catalog"
)

// Config is what a Store is made of.
type Config struct {
	// URL says where the database is: a libpq URL or key=value string
	// (catalog.url). What it leaves out comes from the PG* variables.
	URL string
	// MaxConns bounds the connections for queries; each Watch takes one more.
	// 0 means 4.
	MaxConns int
	// Log hears of reconnects and migrations; nil means slog.Default().
	Log *slog.Logger
}

// Store is the store. Make one with Open.
type Store struct {
	pool *pgxpool.Pool
	log  *slog.Logger
}

var _ catalog.Store = (*Store)(nil)

// Open connects, brings the schema up to date and returns the store. Several
// may do so at once. The role needs the right to create a schema in the
// database, or must own the schema postern.
func Open(ctx context.Context, config Config) (*Store, error) {
	poolConfig, err := pgxpool.ParseConfig(config.URL)
	if err != nil {
		return nil, fmt.Errorf("read catalog url: %w", err)
	}
	poolConfig.MaxConns = int32(cmp.Or(config.MaxConns, 4))
	parameters := poolConfig.ConnConfig.RuntimeParams
	parameters["application_name"] = cmp.Or(parameters["application_name"], "postern")

	log := config.Log
	if log == nil {
		log = slog.Default()
	}
	if err := migrate(ctx, poolConfig.ConnConfig, log); err != nil {
		return nil, fmt.Errorf("prepare catalog schema: %w", storeError(ctx, err))
	}
	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	if err != nil {
		return nil, fmt.Errorf("open catalog: %w", storeError(ctx, err))
	}
	return &Store{pool: pool, log: log}, nil
}

// Close waits for queries that are under way and closes all connections. End
// Watch by its context first.
func (s *Store) Close() { s.pool.Close() }
