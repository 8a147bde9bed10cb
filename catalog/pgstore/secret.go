package pgstore

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// secretSize is the size of a fleet's secret, in bytes.
const secretSize = 32

// Secret returns the secret that the proxies of this catalog share, the same for
// ever: whoever asks first makes it.
func (s *Store) Secret(ctx context.Context) ([]byte, error) {
	fresh := make([]byte, secretSize)
	rand.Read(fresh)
	var secret []byte
	err := s.transact(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "insert into postern.fleet (secret) values ($1) on conflict do nothing", fresh); err != nil {
			return err
		}
		return tx.QueryRow(ctx, "select secret from postern.fleet").Scan(&secret)
	})
	if err != nil {
		return nil, fmt.Errorf("read the fleet's secret: %w", err)
	}
	return secret, nil
}
