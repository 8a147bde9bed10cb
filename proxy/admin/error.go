package admin

import (
	"context"
	"errors"

	"postern/proxy/wire"
)

// What the surroundings answer to a name that nobody has.
var (
	ErrUnknownTenant = errors.New("no such tenant")
	ErrUnknownClient = errors.New("no such client")
)

// asError returns err for the client. Whoever uses the console runs the proxy, so
// unlike elsewhere it sees what went wrong.
func asError(ctx context.Context, err error) *wire.Error {
	var known *wire.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(context.Cause(ctx), &known):
		return known
	case errors.Is(err, ErrUnknownTenant):
		return &wire.Error{Code: wire.InvalidCatalogName, Message: err.Error(), Hint: "SHOW DATABASES lists the tenants of this proxy."}
	case errors.Is(err, ErrUnknownClient):
		return &wire.Error{Code: codeUndefinedObject, Message: err.Error(), Hint: "SHOW CLIENTS lists the clients, with their id."}
	}
	return &wire.Error{Code: wire.InternalError, Message: err.Error(), Cause: err}
}

// errCanceled is what a command answers that Session.Cancel has stopped.
var errCanceled = &wire.Error{
	Code:    wire.QueryCanceled,
	Message: "canceling statement due to user request",
	Hint:    "What the command has begun stays so: RESUME takes a PAUSE back.",
	Kind:    "canceled",
}
