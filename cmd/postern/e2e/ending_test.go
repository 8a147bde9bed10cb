package e2e

import (
	"errors"
	"io"
	"net"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"postern/proxy/pgtest"
)

// endedWith waits for the end of a client's connection and fails the test unless
// the last message is FATAL with one of these SQLSTATEs.
func endedWith(t testing.TB, c *pgtest.Client, codes ...string) {
	t.Helper()
	rest := c.ReadUntilClosed()
	if len(rest) == 0 {
		t.Errorf("closed without a word: %v", c.Err())
		return
	}
	if last := rest[len(rest)-1].Error(); last.Severity != "FATAL" || !slices.Contains(codes, last.Code) {
		t.Errorf("the last word is %s, want FATAL and one of %v", rest[len(rest)-1], codes)
	}
}

// codeOf is the SQLSTATE of an error, or else what happened.
func codeOf(err error) string {
	var postgres *pgconn.PgError
	switch {
	case err == nil:
		return "no error"
	case errors.As(err, &postgres):
		return postgres.Code
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "closed"
	}
	return err.Error()
}
