package proxy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"postern/catalog"
	"postern/proxy/auth"
	"postern/proxy/engine"
	"postern/proxy/pool"
	"postern/proxy/relay"
	"postern/proxy/wire"
	"postern/wake"
)

// Attach implements engine.Host: it wakes the tenant of a client that was
// greeted from memory, and connects.
func (s *session) Attach(ctx context.Context) (engine.Peer, error) {
	defer s.enter(relaying)
	backend, err := s.connect(ctx)
	var last *engine.LastWords
	if errors.As(err, &last) {
		// What was remembered has turned out not to be true.
		s.forget(context.WithoutCancel(ctx))
	}
	if err != nil {
		return engine.Peer{}, err
	}
	s.attached(backend)
	s.remember(s.greeting(), backend.Parameters)
	ahead := slices.Concat(s.news(backend.Parameters), backend.Notices, backend.Early)
	return engine.Peer{Conn: backend, Ahead: ahead}, nil
}

// attached makes backend the session's, which closes it.
func (s *session) attached(backend *pool.Server) {
	s.backend = backend
	s.server.config.Metrics.ServerConnections.WithLabelValues("active").Inc()
}

// news encodes what differs from the greeting that the client had.
func (s *session) news(parameters map[string]string) []byte {
	told := withApplicationName(s.tenant.Greetings[s.greeting().Key()].Parameters, s.identity.Settings[applicationName])
	differs := maps.Clone(parameters)
	maps.DeleteFunc(differs, func(name, value string) bool {
		known, ok := told[name]
		return ok && known == value
	})
	return appendParameters(nil, differs)
}

// connect wakes the tenant if need be and returns a server connection of the
// client's role. What the backend itself refuses is an *engine.LastWords, all
// else a *wire.Error, unless ctx has ended.
func (s *session) connect(ctx context.Context) (*pool.Server, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.server.config.WakeTimeout, errors.New("wake.timeout has passed"))
	defer cancel()
	for pause := 10 * time.Millisecond; ; pause *= 2 {
		t, err := s.current(ctx)
		if err != nil {
			return nil, err
		}
		s.enter(waking)
		endpoint, err := s.server.config.Gate.Ready(ctx, t)
		if err != nil {
			return nil, unready(err)
		}
		s.enter(connecting)
		backend, err := s.dial(ctx, endpoint)
		if err == nil {
			return backend, nil
		}
		// The instance may just be stopping or starting; not a byte of the
		// client's was sent.
		if !safeToRetry(err) || pause > time.Second || !sleep(ctx, pause) {
			return nil, s.connectFailure(err)
		}
	}
}

// current returns the tenant's record as it is now, if it still takes clients.
func (s *session) current(ctx context.Context) (*catalog.Tenant, error) {
	t, err := s.server.config.Catalog.Lookup(ctx, s.tenant.ID)
	switch {
	case err != nil && !errors.Is(err, catalog.ErrNotFound):
		return s.tenant, nil // known tenants go on while the catalog is away
	case err != nil || t.UID != s.tenant.UID:
		return nil, admissible(&catalog.Tenant{State: catalog.Deleting})
	}
	return t, admissible(t)
}

func (s *session) dial(ctx context.Context, endpoint wake.Endpoint) (*pool.Server, error) {
	ctx, cancel := context.WithTimeout(ctx, s.server.config.ConnectTimeout)
	defer cancel()
	return pool.Connect(ctx,
		pool.Target{Network: endpoint.Network, Address: endpoint.Address, TLS: endpoint.TLS},
		pool.Login{
			Role: s.identity.Role, Database: s.identity.Database, Settings: s.identity.Settings,
			Replication: s.identity.Replication, Keys: s.keys,
		})
}

func safeToRetry(err error) bool {
	var unreachable *pool.UnreachableError
	var refused *pool.RefusedError
	return errors.As(err, &unreachable) || errors.As(err, &refused) && refused.SafeToRetry()
}

// sleep waits for d and reports whether ctx let it.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// connectFailure turns the error of a server connection into the client's.
func (s *session) connectFailure(err error) error {
	var refused *pool.RefusedError
	stale := errors.Is(err, auth.ErrOtherVerifier)
	if errors.As(err, &refused) {
		if refused.Code != wire.InvalidPassword {
			return &engine.LastWords{Message: refused.Message, Err: err}
		}
		stale = true
	}
	if stale {
		// The password has changed behind our back, so the one that the client
		// has proved is the old one.
		s.server.config.Roles.Suspect(s.tenant.ID)
		failure := &wire.Error{
			Code:    wire.InvalidPassword,
			Message: fmt.Sprintf("password authentication failed for user %q", s.opening.Startup.User),
			Hint:    "The password was changed; connect again with the new one.",
			Kind:    "verifier_changed",
			Cause:   err,
		}
		return &engine.LastWords{Message: s.Explain(failure).AppendFatal(nil), Err: failure}
	}
	return &wire.Error{
		Code: wire.CannotConnectNow, Message: "cannot connect to the tenant's Postgres", Kind: "connect_failed",
		Hint: "Try again in a few seconds.", RetryAfter: 5 * time.Second, Cause: err,
	}
}

// unready turns the Gate's error into the client's.
func unready(err error) error {
	failure := &wire.Error{
		Code: wire.CannotConnectNow, Message: "the tenant's Postgres could not be started", Kind: "wake_failed", Cause: err,
		Hint: "Try again in a few seconds.", RetryAfter: time.Second,
	}
	var notReady *wake.UnreadyError
	if errors.As(err, &notReady) && notReady.RetryAfter > 0 {
		failure.Detail = "Phase: " + notReady.Phase + "."
		failure.RetryAfter = notReady.RetryAfter
		failure.Hint = fmt.Sprintf("Try again in %d s.", max(1, int(notReady.RetryAfter.Round(time.Second).Seconds())))
	}
	if errors.Is(err, wake.ErrNoRoom) {
		failure.Code, failure.Message = wire.DiskFull, "there is no room for the tenant's Postgres"
	}
	return failure
}

// changedTimeout bounds what a client waits for after a statement that changes
// roles; should it not suffice, the next failed login looks again.
const changedTimeout = 5 * time.Second

// Changed implements engine.Host.
func (s *session) Changed(ctx context.Context, effects relay.Effects) {
	ctx, cancel := context.WithTimeout(ctx, changedTimeout)
	defer cancel()
	if effects&relay.Roles != 0 {
		if err := s.server.config.Roles.Refresh(ctx, s.tenant.ID); err != nil {
			s.log.Warn("cannot read the tenant's roles again", "tenant", s.tenant.ID, "error", err)
		}
	}
	if effects&relay.Logins != 0 {
		s.forget(ctx)
	}
}
