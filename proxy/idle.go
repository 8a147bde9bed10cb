package proxy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"postern/catalog"
	"postern/proxy/engine"
	"postern/proxy/pool"
	"postern/proxy/wire"
	"postern/wake"
)

// LastUse implements wake.Clients.
func (s *Server) LastUse(t *catalog.Tenant) wake.Use {
	u := s.pools.Use(t.UID)
	return wake.Use{Working: u.Working > 0, Disregarded: u.Disregarded > 0, Since: u.Since}
}

// ReleaseIdle closes this proxy's server connections to the tenant if none of them
// is in use, nor was since the given time; else it is a *wake.BusyError. Who wants
// one from then on has to ask the Gate. It fits wake.GateConfig.ReleaseIdle.
func (s *Server) ReleaseIdle(_ context.Context, t *catalog.Tenant, since time.Time) error {
	if s.pools.Vacate(t.UID, since) {
		return nil
	}
	return s.busy(t)
}

// Freeze keeps this proxy's server connections to the tenant and lends none of them
// until Thaw, if none is in use, nor was since the given time; else it is a
// *wake.BusyError. It returns the process ids of their backends. It fits
// wake.GateConfig.Freeze.
func (s *Server) Freeze(t *catalog.Tenant, since time.Time) ([]uint32, error) {
	backends, ok := s.pools.Freeze(t.UID, since)
	if !ok {
		return nil, s.busy(t)
	}
	return backends, nil
}

// Thaw lends them again. It fits wake.GateConfig.Thaw.
func (s *Server) Thaw(t *catalog.Tenant) { s.pools.Thaw(t.UID) }

// busy says who uses the tenant.
func (s *Server) busy(t *catalog.Tenant) *wake.BusyError {
	because := s.AwakeBecause(t.ID)
	if len(because) == 0 {
		because = []string{"a client that has just come"}
	}
	return &wake.BusyError{Because: because}
}

// EndPinned implements wake.Clients: it ends the sessions whose pins keep the
// tenant awake with 57P01, if nobody else does and all of them have been idle for
// so long.
func (s *Server) EndPinned(t *catalog.Tenant, idle time.Duration) bool {
	pinned := s.idlers(t, idle, func(session *session) bool { return session.pins() != 0 })
	for _, session := range pinned {
		session.disregardLease() // its end is no work
		session.conversation.EndIfIdle(&wire.Error{
			Code:    wire.AdminShutdown,
			Message: "terminating connection because an idle session keeps the tenant awake",
			Detail: fmt.Sprintf("The session is pinned by %s, and nothing was asked of it for wake.max_pin_idle (%v).",
				session.pins(), idle),
			Hint: "Connect again: the first query wakes the tenant.",
			Kind: "pin_idle",
		})
	}
	return len(pinned) > 0
}

// idlers are the sessions that keep t awake, if all of them fit and have been idle
// for so long; else none, since something would be done to them for nothing.
func (s *Server) idlers(t *catalog.Tenant, idle time.Duration, fits func(*session) bool) (idlers []*session) {
	for _, session := range s.sessionsOf(t.ID) {
		if !session.conversation.Attached() {
			continue
		}
		if doing := session.conversation.Doing(); !fits(session) || doing.Phase != engine.Idle || doing.For < idle {
			return nil
		}
		idlers = append(idlers, session)
	}
	return idlers
}

// disregardLease has the tenant's idle time go on as if the server connection that
// the session has were not lent.
func (s *session) disregardLease() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lease != nil {
		s.lease.Disregard()
	}
}

// disregarded reports whether what the client does is no work of the tenant's
// (wake.ignore_application_names).
func (s *session) disregarded() bool {
	ignored := s.server.settings().IgnoreApplicationNames
	return len(ignored) > 0 && slices.Contains(ignored, s.identity.Settings[applicationName])
}

// disregard is for a lease that the session has just got.
func (s *session) disregard(lease *pool.Lease) {
	if s.dialer.disregarded {
		lease.Disregard()
	}
}

// errAsleep is what a client hears that does not wake its tenant.
var errAsleep = &wire.Error{
	Code:    wire.CannotConnectNow,
	Message: "the tenant is asleep, and this application does not wake it",
	Hint:    "Its application_name is listed in wake.ignore_application_names.",
	Kind:    "asleep",
}
