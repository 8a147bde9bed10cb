package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/catalog"
)

// channel carries the ids of changed tenants.
const channel = "postern_tenants"

const (
	// firstRetry and lastRetry bound the wait before Watch connects again.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
	// silence is how long a connection may say nothing before Watch asks
	// whether anybody is still there, and answerWithin how long that may take.
	silence      = 30 * time.Second
	answerWithin = 10 * time.Second
)

// announce tells every Watch about the tenant when tx is committed.
func announce(ctx context.Context, tx pgx.Tx, id catalog.TenantID) error {
	_, err := tx.Exec(ctx, "select pg_notify($1, $2)", channel, string(id))
	return err
}

// Watch implements catalog.Store, on a connection of its own that it makes
// again for as long as it takes.
func (s *Store) Watch(ctx context.Context, changed func(catalog.TenantID)) error {
	retry := firstRetry
	for {
		err := s.listen(ctx, func(id catalog.TenantID) {
			retry = firstRetry
			changed(id)
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.log.Warn("catalog connection for changes lost", "err", err, "retry_in", retry)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retry/2 + rand.N(retry/2)):
		}
		retry = min(2*retry, lastRetry)
	}
}

// listen reports changes over one connection until that fails.
func (s *Store) listen(ctx context.Context, changed func(catalog.TenantID)) error {
	conn, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		conn.Close(ctx)
	}()
	if _, err := conn.Exec(ctx, "listen "+channel); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	changed("") // whatever happened before
	for {
		waiting, cancel := context.WithTimeout(ctx, silence)
		notification, err := conn.WaitForNotification(waiting)
		cancel()
		switch {
		case err == nil:
			changed(catalog.TenantID(notification.Payload))
		case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			if err := ping(ctx, conn); err != nil {
				return fmt.Errorf("ping: %w", err)
			}
		default:
			return fmt.Errorf("wait for notification: %w", err)
		}
	}
}

func ping(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return conn.Ping(ctx)
}
