package proxy

import (
	"context"
	"fmt"
	"time"

	"postern/catalog"
	"postern/proxy/wire"
	"postern/wake"
)

// Release gives up this proxy's server connections to the tenant; it fits
// wake.GateConfig.Release. Idle ones are closed; those that a client in
// transaction mode has are waited for, and sessions in session mode are parked. Those
// that must keep theirs, for replication or by pins, are ended, each as soon as it is
// between transactions; those without one stay. When ctx ends before, those that are
// left stay too, and the error is a *wake.BusyError. With force nothing is waited for: the backends end by
// themselves, and say so to their clients.
func (s *Server) Release(ctx context.Context, id catalog.TenantID, force bool) error {
	s.closeIdle(ctx, id)
	if force {
		return nil
	}
	suspended := &wire.Error{
		Code:    wire.AdminShutdown,
		Message: "terminating connection because the tenant is being suspended",
		Hint:    "Connect again: the first query wakes it.",
		Kind:    "suspended",
	}
	busy := 0
	var left []*session
	for _, session := range s.sessionsOf(id) {
		if !session.conversation.Attached() {
			continue
		}
		left = append(left, session)
		switch {
		case session.kept != nil:
			session.park()
		case session.pooled == nil:
			session.endWhenIdle(suspended)
		}
	}
	for _, session := range left {
		if !session.released(ctx, suspended) {
			session.conversation.KeepOn()
			busy++
		}
	}
	if busy > 0 {
		return &wake.BusyError{Because: []string{fmt.Sprintf("%d client(s) of this proxy in a transaction", busy)}}
	}
	return nil
}

// closeIdle closes the idle server connections to the tenant; those that are lent
// are closed when they come back.
func (s *Server) closeIdle(ctx context.Context, id catalog.TenantID) {
	t, err := s.config.Catalog.Lookup(ctx, id)
	if err != nil {
		s.config.Log.Warn("cannot close a tenant's server connections", "tenant", id, "error", err)
		return
	}
	s.pools.CloseTenant(t.UID, "it is to be released")
}

// lookAgain is how often a session is asked whether it has given its server
// connection back, by somebody who wants the tenant asleep.
const lookAgain = 5 * time.Millisecond

// released waits until the session has no server connection any more. One that
// is pinned has to end.
func (s *session) released(ctx context.Context, because *wire.Error) bool {
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for s.conversation.Attached() {
		if s.pins() != 0 {
			s.endWhenIdle(because)
		}
		if s.over.Load() {
			return true
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// EndTenant ends every session of the tenant at once with 57P01.
func (s *Server) EndTenant(id catalog.TenantID) {
	for _, session := range s.sessionsOf(id) {
		session.end(errEnded)
	}
	s.closeIdle(s.life, id)
}

// EndRole ends every session of one role of the tenant at once with 57P01.
func (s *Server) EndRole(id catalog.TenantID, role string) {
	for _, session := range s.sessionsOf(id) {
		if session.identity.Role == role {
			session.end(errEnded)
		}
	}
	if t, err := s.config.Catalog.Lookup(s.life, id); err == nil {
		s.pools.CloseRole(t.UID, role)
	}
}

var errEnded = &wire.Error{
	Code:    wire.AdminShutdown,
	Message: "terminating connection due to administrator command",
	Kind:    "ended",
}

// AwakeBecause lists the clients of this proxy that keep the tenant awake, a
// phrase each: all that have a server connection.
func (s *Server) AwakeBecause(id catalog.TenantID) []string {
	var because []string
	for _, session := range s.sessionsOf(id) {
		if !session.conversation.Attached() {
			continue
		}
		doing := "connected in session mode"
		switch pins := session.pins(); {
		case session.conversation.Busy():
			doing = "at work"
		case pins != 0:
			doing = "pinned by " + pins.String()
		case session.pooled != nil:
			continue // it has just finished
		}
		because = append(because, fmt.Sprintf("client %s, role %s, application %q: %s since %s",
			session.client(), session.identity.Role, session.identity.Settings[applicationName], doing,
			session.attachedSince().UTC().Format(time.RFC3339)))
	}
	return because
}

// attachedSince is when the session got its server connection; it has had one just
// now.
func (s *session) attachedSince() time.Time {
	if s.backend != nil {
		return s.backend.Memory.(*memory).made
	}
	s.mu.Lock()
	lease := s.lease
	s.mu.Unlock()
	if lease == nil {
		return time.Now()
	}
	return lease.Since()
}

// sessionsOf returns the sessions of a tenant that have been greeted.
func (s *Server) sessionsOf(id catalog.TenantID) []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	sessions := make([]*session, 0, len(s.tenants[id]))
	for session := range s.tenants[id] {
		sessions = append(sessions, session)
	}
	return sessions
}

// join files a session that has a conversation now; the caller calls leave. It
// answers false once the drain has begun.
func (s *Server) join(member *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return false
	}
	of := s.tenants[member.tenant.ID]
	if of == nil {
		of = make(map[*session]struct{})
		s.tenants[member.tenant.ID] = of
	}
	of[member] = struct{}{}
	return true
}

func (s *Server) leave(member *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.tenants[member.tenant.ID]
	delete(of, member)
	if len(of) == 0 {
		delete(s.tenants, member.tenant.ID)
	}
}
