package proxy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/catalog"
	"postern/proxy/admin"
	"postern/proxy/pool"
	"postern/proxy/wire"
)

// Pause lends no server connection of the tenant from now on, or of any if it is
// "", until Resume: clients wait, and their query_wait_timeout runs. It returns
// when none is left, so when each transaction has ended, and each session that has
// its server connection to itself. Like Paused and Resume it fits admin.Traffic,
// and is PgBouncer's; the catalog does not hear of it.
func (s *Server) Pause(ctx context.Context, tenant string) error {
	uid, err := s.uidOf(ctx, tenant)
	if err != nil {
		return err
	}
	s.pools.Pause(uid)
	return s.disconnected(ctx, uid)
}

// Kill is Pause, and ends the tenant's clients at once, or all if it is "". Who
// comes later waits. It fits admin.Sessions.
func (s *Server) Kill(ctx context.Context, tenant string) error {
	uid, err := s.uidOf(ctx, tenant)
	if err != nil {
		return err
	}
	s.pools.Pause(uid)
	sessions := s.greeted()
	if tenant != "" {
		sessions = s.sessionsOf(catalog.TenantID(tenant))
	}
	for _, session := range sessions {
		session.end(errEnded)
	}
	for _, session := range sessions {
		session.gone(ctx)
	}
	return s.disconnected(ctx, uid)
}

// Resume ends what Pause and Kill have begun, for all tenants if it is "".
func (s *Server) Resume(ctx context.Context, tenant string) error {
	uid, err := s.uidOf(ctx, tenant)
	if err != nil {
		return err
	}
	if s.pools.Resume(uid) {
		return nil
	}
	failure := &wire.Error{Code: wire.NotInPrerequisiteState, Message: "pooler is not paused/suspended", Kind: "console"}
	if tenant != "" {
		failure.Message = fmt.Sprintf("database %s is not paused", tenant)
		if s.pools.Paused("") {
			failure.Hint = "All are paused; RESUME without a tenant ends that."
		}
	}
	return failure
}

// Paused reports whether all tenants are paused.
func (s *Server) Paused() bool { return s.pools.Paused("") }

// PausedTenant reports whether the tenant with this UID is, by itself or with all.
func (s *Server) PausedTenant(uid string) bool { return s.pools.Paused(uid) }

// uidOf returns the UID of a tenant that the console names, "" for "".
func (s *Server) uidOf(ctx context.Context, tenant string) (string, error) {
	if tenant == "" {
		return "", nil
	}
	t, err := s.config.Catalog.Lookup(ctx, catalog.TenantID(tenant))
	switch {
	case errors.Is(err, catalog.ErrNotFound) || err == nil && t.Deleted():
		return "", admin.ErrUnknownTenant
	case err != nil:
		return "", fmt.Errorf("look up tenant: %w", err)
	}
	return t.UID, nil
}

// disconnected waits until the tenant, or all if it is "", has no server
// connection.
func (s *Server) disconnected(ctx context.Context, uid string) error {
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for s.pools.Open(uid) > 0 {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// gone waits until the session is over, or ctx is.
func (s *session) gone(ctx context.Context) {
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for !s.over.Load() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// release ends the wait of a client whose tenant is paused, since it would outlast
// a drain.
func (s *session) release(because *wire.Error) {
	s.mu.Lock()
	conversation := s.conversation
	s.mu.Unlock()
	if conversation != nil && s.server.pools.Paused(s.tenant.UID) {
		conversation.CancelWait(because)
	}
}

// connectAlone makes a server connection that the session has to itself, which
// closeBackend ends. It waits as long as the tenant is paused.
func (s *session) connectAlone(ctx context.Context) (*pool.Server, error) {
	pools, uid := s.server.pools, s.tenant.UID
	for {
		if err := s.join(ctx); err != nil {
			return nil, err
		}
		backend, err := s.connect(ctx)
		if err == nil && !pools.Paused(uid) {
			return backend, nil
		}
		if err == nil {
			backend.Close() // it has come too late
		}
		pools.Leave(uid)
		if err != nil {
			return nil, err
		}
	}
}

// join counts the server connection that the session is about to make.
func (s *session) join(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.server.settings().QueryWaitTimeout, errQueryWait)
	defer cancel()
	s.enter(connecting)
	if err := s.server.pools.Join(ctx, s.tenant.UID); err != nil {
		return s.waitFailure(ctx, err)
	}
	return nil
}

// queryWait is errQueryWait for a client, with what is to be done about it.
func (s *session) queryWait() error {
	failure := *errQueryWait
	if s.server.pools.Paused(s.tenant.UID) {
		failure.Hint = "The tenant is paused: an administrator holds its clients back for a while (PAUSE on the admin console)."
	}
	return s.lastWords(&failure)
}
