package proxy

import (
	"postern/catalog"
	"postern/proxy/wire"
)

// admit checks that the tenant takes clients and that there is room for one
// more. The caller releases the ticket.
func (s *session) admit() error {
	s.enter(admitting)
	if err := admissible(s.tenant); err != nil {
		return err
	}
	ticket, ok := s.server.admission.Admit()
	if !ok {
		return &wire.Error{
			Code:    wire.TooManyConnections,
			Message: "sorry, too many clients already",
			Hint:    "The proxy's limits.max_client_conn is reached.",
			Kind:    "max_client_conn",
		}
	}
	s.ticket = ticket
	return nil
}

// admissible returns why t's state keeps clients out, nil if it does not. It is
// asked at login and again before each wake.
func admissible(t *catalog.Tenant) error {
	switch t.State {
	case catalog.Paused:
		return &wire.Error{
			Code:    wire.CannotConnectNow,
			Message: "the tenant is paused",
			Hint:    "Its operator has to resume it.",
			Kind:    "paused",
		}
	case catalog.Deleting:
		return &wire.Error{
			Code:    wire.AdminShutdown,
			Message: "the tenant has been deleted",
			Hint:    "Its operator can bring it back for some days.",
			Kind:    "deleted",
		}
	}
	return nil
}
