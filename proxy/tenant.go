package proxy

import (
	"context"
	"fmt"

	"postern/catalog"
	"postern/proxy/wire"
	"postern/wake"
)

// Release ends this proxy's sessions that have a server connection to the
// tenant, each as soon as it is between transactions, and waits for them; it
// fits wake.GateConfig.Release. Sessions without one stay. When ctx ends before
// they are idle, those that are left stay too, and the error is a
// *wake.BusyError. With force it does nothing: the backends end by themselves,
// and say so to their clients.
func (s *Server) Release(ctx context.Context, id catalog.TenantID, force bool) error {
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
		if session.conversation.Attached() {
			session.endWhenIdle(suspended)
			left = append(left, session)
		}
	}
	for _, session := range left {
		select {
		case <-session.over:
		case <-ctx.Done():
			session.conversation.KeepOn()
			busy++
		}
	}
	if busy > 0 {
		return &wake.BusyError{Because: []string{fmt.Sprintf("%d client(s) of this proxy in a transaction", busy)}}
	}
	return nil
}

// EndTenant ends every session of the tenant at once with 57P01.
func (s *Server) EndTenant(id catalog.TenantID) {
	for _, session := range s.sessionsOf(id) {
		session.end(errEnded)
	}
}

// EndRole ends every session of one role of the tenant at once with 57P01.
func (s *Server) EndRole(id catalog.TenantID, role string) {
	for _, session := range s.sessionsOf(id) {
		if session.identity.Role == role {
			session.end(errEnded)
		}
	}
}

var errEnded = &wire.Error{
	Code:    wire.AdminShutdown,
	Message: "terminating connection due to administrator command",
	Kind:    "ended",
}

// AwakeBecause lists the clients of this proxy that keep the tenant awake, a
// phrase each: in session mode, all that have a server connection.
func (s *Server) AwakeBecause(id catalog.TenantID) []string {
	var because []string
	for _, session := range s.sessionsOf(id) {
		if !session.conversation.Attached() {
			continue
		}
		doing := "connected in session mode"
		if session.conversation.Busy() {
			doing = "at work"
		}
		because = append(because, fmt.Sprintf("client %s, role %s, application %q: %s",
			session.conn.RemoteAddr(), session.identity.Role, session.identity.Settings[applicationName], doing))
	}
	return because
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
