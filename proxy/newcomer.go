package proxy

import (
	"context"
	"errors"
	"sync"
	"time"

	"postern/catalog"
	"postern/proxy/auth"
	"postern/proxy/wire"
)

// newcomerRole is the role that a client must prove to be for its tenant to be made.
const newcomerRole = "app"

// Newcomers files tenants that do not exist yet.
type Newcomers interface {
	// Create files a tenant to be made at its first wake, whose role app has this
	// verifier; catalog.ErrExists if somebody else was faster.
	Create(ctx context.Context, id catalog.TenantID, verifier string) (*catalog.Tenant, error)
}

// newcomer returns the verifier by which the client can prove that its tenant,
// which does not exist, is to be made; false if there is no such rule for it.
func (s *session) newcomer() (auth.Verifier, bool) {
	rule := s.server.settings().NewcomerVerifier
	if s.server.config.Newcomers == nil || rule == "" || s.identity.Role != newcomerRole ||
		s.identity.Replication != "" || s.disregarded() {
		return auth.Verifier{}, false
	}
	verifier, err := auth.ParseVerifier(rule)
	if err != nil {
		s.log().Warn("the verifier for tenants that do not exist is of no use", "error", err)
	}
	return verifier, err == nil
}

// settle files the tenant of a client that has proved itself by the newcomers'
// verifier. One that somebody else has just filed under another verifier is not
// this client's.
func (s *session) settle(verifier auth.Verifier) (*catalog.Tenant, error) {
	if !s.server.newcomers.admit(s.server.settings().NewcomersPerMinute, time.Now()) {
		return nil, &wire.Error{
			Code:    wire.LimitExceeded,
			Message: "too many tenants are being made",
			Hint:    "Try again in a minute.",
			Kind:    "provision_unknown_rate",
		}
	}
	t, err := s.server.config.Newcomers.Create(s.ctx, s.identity.Tenant, verifier.String())
	s.server.config.Catalog.Invalidate(s.identity.Tenant)
	switch {
	case err == nil:
		s.log().Info("a tenant is made for its first client", "tenant", t.ID)
		return t, nil
	case !errors.Is(err, catalog.ErrExists):
		return nil, unreachableCatalog(err)
	}
	t, err = s.lookUp()
	switch {
	case err != nil:
		return nil, err
	case t == nil || t.Deleted() || t.Roles[newcomerRole].Verifier != verifier.String():
		return nil, &wire.Error{
			Code:    wire.CannotConnectNow,
			Message: "somebody else has just made the tenant",
			Hint:    "Connect again.",
			Kind:    "provision_unknown_race",
		}
	}
	return t, nil
}

// turnstile lets some through in a minute. The zero value is ready.
type turnstile struct {
	mu    sync.Mutex
	began time.Time // under mu: the minute
	count int       // under mu: who went through since
}

// admit reports whether one more may pass; limit 0 is none.
func (t *turnstile) admit(limit int, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.began) >= time.Minute {
		t.began, t.count = now, 0
	}
	if limit > 0 && t.count >= limit {
		return false
	}
	t.count++
	return true
}
