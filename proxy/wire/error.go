package wire

import (
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// The SQLSTATEs that Postern itself raises; backends' errors pass untouched.
// (PostgreSQL manual, appendix A.)
const (
	ProtocolViolation      = "08P01"
	ConnectionFailure      = "08006"
	TransactionUnknown     = "08007"
	FeatureNotSupported    = "0A000"
	InvalidAuthorization   = "28000"
	InvalidPassword        = "28P01"
	InvalidCatalogName     = "3D000"
	InsufficientPrivilege  = "42501"
	DiskFull               = "53100"
	TooManyConnections     = "53300"
	LimitExceeded          = "53400"
	QueryCanceled          = "57014"
	AdminShutdown          = "57P01"
	CannotConnectNow       = "57P03"
	NotInPrerequisiteState = "55000"
	IdleSessionTimeout     = "57P05"
	IdleTransactionTimeout = "25P03"
	TransactionTimeout     = "25P04"
	ConfigFileError        = "F0000"
	InternalError          = "XX000"
)

// Error is the only thing that becomes an ErrorResponse. What a client may not
// know stays in Cause, which is logged and never sent.
type Error struct {
	// Code is the SQLSTATE.
	Code string
	// Message is a sentence a person can act on, without a full stop.
	Message string
	// Detail is what happened in this very case; may be empty.
	Detail string
	// Hint says what to do; may be empty.
	Hint string
	// Kind is a stable word for logs and metrics, "" for the code itself.
	Kind string
	// RetryAfter is when trying again may help, 0 if it will not.
	RetryAfter time.Duration
	// Cause is for the log.
	Cause error
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Message + ": " + e.Cause.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Reason returns Kind, or Code where there is none.
func (e *Error) Reason() string {
	if e.Kind != "" {
		return e.Kind
	}
	return e.Code
}

// SafeToRetry reports whether the same request may succeed later.
func (e *Error) SafeToRetry() bool { return e.RetryAfter > 0 }

// AppendFatal appends the ErrorResponse that ends a connection.
func (e *Error) AppendFatal(b []byte) []byte { return e.append(b, "FATAL") }

// AppendError appends the ErrorResponse that fails a statement and keeps the
// session.
func (e *Error) AppendError(b []byte) []byte { return e.append(b, "ERROR") }

func (e *Error) append(b []byte, severity string) []byte {
	b, err := (&pgproto3.ErrorResponse{
		Severity:            severity,
		SeverityUnlocalized: severity,
		Code:                e.Code,
		Message:             e.Message,
		Detail:              e.Detail,
		Hint:                e.Hint,
	}).Encode(b)
	if err != nil { // only a message over 1 GiB
		panic(err)
	}
	return b
}

// AsError returns err as the Error that a client may see: the one it wraps, or
// an internal error that says nothing.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: InternalError, Message: "internal error", Hint: "The proxy's log tells what happened.", Cause: err}
}
