package pgstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"postern/catalog"
)

// unavailableCodes are the SQLSTATEs that say: not now, or not here.
var unavailableCodes = []string{
	"25006", // read_only_sql_transaction: a standby, before it is promoted
	"53300", // too_many_connections
	"55000", // object_not_in_prerequisite_state: the database takes no connections
	"57014", // query_canceled: by a statement_timeout of the database
	"57P01", // admin_shutdown
	"57P02", // crash_shutdown
	"57P03", // cannot_connect_now
	"57P05", // idle_session_timeout
}

// storeError returns err as callers of a catalog.Store know it: ctx's own error
// if it has ended, ErrUnavailable around whatever means that the database
// cannot be reached, anything else unchanged.
func storeError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return err
	case !unreachable(err):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return fmt.Errorf("%w: %w", catalog.ErrUnavailable, err)
}

// unreachable reports whether err comes from the way to the database rather
// than from what it was asked.
func unreachable(err error) bool {
	var answered *pgconn.PgError
	if errors.As(err, &answered) {
		return answered.Code[:min(2, len(answered.Code))] == "08" || slices.Contains(unavailableCodes, answered.Code)
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, puddle.ErrClosedPool)
}

// hasCode reports whether the database answered with one of these SQLSTATEs.
func hasCode(err error, codes ...string) bool {
	var answered *pgconn.PgError
	return errors.As(err, &answered) && slices.Contains(codes, answered.Code)
}
