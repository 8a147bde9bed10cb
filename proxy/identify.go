package proxy

import (
	"errors"

	"postern/catalog"
	"postern/proxy/wire"
	"postern/router"
)

// identify finds out which tenant the client asks for.
func (s *session) identify() error {
	s.enter(identifying)
	startup := s.opening.Startup
	hello := router.Hello{User: startup.User, Database: startup.Database, Parameters: startup.Parameters}
	if s.opening.TLS != nil {
		hello.ServerName = s.opening.TLS.ServerName
	}
	var err error
	s.identity, err = s.server.config.Router.Identify(s.ctx, hello)
	var unclear *router.Error
	if errors.As(err, &unclear) {
		return &wire.Error{Code: wire.InvalidAuthorization, Message: unclear.Message, Hint: unclear.Hint, Kind: unclear.Kind}
	}
	if err != nil {
		return unreachableCatalog(err)
	}
	return nil
}

// lookUp finds the tenant's record, a deleted one too; nil if there is none.
func (s *session) lookUp() (*catalog.Tenant, error) {
	s.enter(lookingUp)
	t, err := s.server.config.Catalog.Lookup(s.ctx, s.identity.Tenant)
	switch {
	case errors.Is(err, catalog.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, unreachableCatalog(err)
	}
	return t, nil
}

func unreachableCatalog(err error) error {
	return &wire.Error{
		Code: wire.CannotConnectNow, Message: "the catalog cannot be reached", Kind: "catalog_unavailable",
		Hint: "Try again in a few seconds.", Cause: err,
	}
}
