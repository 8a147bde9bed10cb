package pool

import (
	"bytes"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/wire"
)

// RefusedError is a login that the server itself refused.
type RefusedError struct {
	// Code is its SQLSTATE; "" if the server gave none.
	Code string
	// Message is its ErrorResponse, whole and as it was.
	Message []byte
	text    string
}

func (e *RefusedError) Error() string { return "server refuses: " + e.text }

// SafeToRetry reports whether the server was not ready yet or no longer (57P03,
// 57P01): the same login may succeed once it has started.
func (e *RefusedError) SafeToRetry() bool {
	return e.Code == wire.CannotConnectNow || e.Code == wire.AdminShutdown
}

func refused(message []byte) error {
	var m pgproto3.ErrorResponse
	if err := m.Decode(message[wire.HeaderSize:]); err != nil {
		return err
	}
	return &RefusedError{Code: m.Code, Message: bytes.Clone(message), text: m.Message}
}
