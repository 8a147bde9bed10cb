package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"postern/catalog"
	"postern/catalog/api"
	"postern/catalog/filestore"
	"postern/catalog/pgstore"
	"postern/configs"
)

// store is a catalog.Store that keeps the fleet's secret.
type store interface {
	catalog.Store
	api.Operations
	// Secret returns the secret of the fleet, made at the first call of all.
	Secret(ctx context.Context) ([]byte, error)
}

// openStore opens the store that the configuration names, and returns how to
// close it.
func openStore(ctx context.Context, config configs.Catalog, log *slog.Logger) (store, func(), error) {
	if config.Store == "files" {
		s, err := filestore.Open(filestore.Config{Dir: config.Dir, PollInterval: time.Duration(config.PollInterval), Log: log})
		if err != nil {
			return nil, nil, err
		}
		return s, func() { s.Close() }, nil
	}
	s, err := pgstore.Open(ctx, pgstore.Config{URL: config.URL, Log: log})
	if err != nil {
		return nil, nil, err
	}
	return s, s.Close, nil
}

// minSecret is the least size of a fleet's secret, in bytes.
const minSecret = 32

// fleetSecret reads the secret from file, or else from the store.
func fleetSecret(ctx context.Context, file string, s store) ([]byte, error) {
	if file == "" {
		return s.Secret(ctx)
	}
	secret, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read auth.secret_file: %w", err)
	}
	if len(secret) < minSecret {
		return nil, &exitError{
			code: exitUsage,
			err:  fmt.Errorf("auth.secret_file: %s holds %d bytes, at least %d are needed", file, len(secret), minSecret),
			hint: "Make one with: head -c 32 /dev/urandom > FILE",
		}
	}
	return secret, nil
}
