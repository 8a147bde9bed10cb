package proxy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"postern/proxy/auth"
	"postern/proxy/engine"
	"postern/proxy/pool"
	"postern/proxy/relay"
	"postern/proxy/wire"
	"postern/wake"
)

// Attach implements engine.Host: it wakes the tenant if need be, and connects or
// waits for a server connection of the pool.
func (s *session) Attach(ctx context.Context, want relay.Settings) (engine.Peer, error) {
	defer s.enter(relaying)
	var peer engine.Peer
	var err error
	switch {
	case s.pooled != nil:
		peer, err = s.borrow(ctx, want)
	case s.kept != nil:
		peer, err = s.attachKept(ctx)
	default:
		peer, err = s.attachAlone(ctx)
	}
	var last *engine.LastWords
	if errors.As(err, &last) {
		// What was remembered has turned out not to be true.
		s.forget(context.WithoutCancel(ctx))
	}
	return peer, err
}

// attachAlone makes a server connection that is the session's to its end.
func (s *session) attachAlone(ctx context.Context) (engine.Peer, error) {
	backend, err := s.connectAlone(ctx)
	if err != nil {
		return engine.Peer{}, err
	}
	s.attached(backend)
	s.remember(s.greeting(), backend.Parameters)
	told := s.tenant.Greetings[s.greeting().Key()].Parameters
	ahead := slices.Concat(s.news(told, backend.Parameters), backend.Notices, backend.Early)
	return engine.Peer{Conn: backend, Ahead: ahead}, nil
}

// attached makes backend the session's, which closes it.
func (s *session) attached(backend *pool.Server) {
	s.backend = backend
	s.counter.Assignments.Add(1)
	s.server.config.Metrics.ServerConnections.WithLabelValues("active").Inc()
}

// news encodes what differs from the parameters that the client was told.
func (s *session) news(told, parameters map[string]string) []byte {
	return differing(withApplicationName(told, s.identity.Settings[applicationName]), parameters)
}

// differing encodes those of the parameters that were not told.
func differing(told, parameters map[string]string) []byte {
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
	ctx, cancel := context.WithTimeoutCause(ctx, s.server.settings().WakeTimeout, errWakeTimeout)
	defer cancel()
	if err := s.wake(ctx); err != nil {
		return nil, err
	}
	s.enter(connecting)
	backend, err := s.dialer.connect(ctx)
	if err != nil {
		return nil, s.connectFailure(err)
	}
	return backend, nil
}

// wake waits until the tenant runs.
func (s *session) wake(ctx context.Context) error {
	s.enter(waking)
	_, err := s.dialer.ready(ctx)
	return err
}

// connectFailure turns the error of a server connection into the client's.
func (s *session) connectFailure(err error) error {
	var failure *wire.Error
	if errors.As(err, &failure) {
		return err
	}
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
		return s.lastWords(&wire.Error{
			Code:    wire.InvalidPassword,
			Message: fmt.Sprintf("password authentication failed for user %q", s.identity.Role),
			Hint:    "The password was changed; connect again with the new one.",
			Kind:    "verifier_changed",
			Cause:   err,
		})
	}
	return &wire.Error{
		Code: wire.CannotConnectNow, Message: "cannot connect to the tenant's Postgres", Kind: "connect_failed",
		Hint: "Try again in a few seconds.", RetryAfter: 5 * time.Second, Cause: err,
	}
}

// lastWords makes failure end the session, not only a statement.
func (s *session) lastWords(failure *wire.Error) *engine.LastWords {
	return &engine.LastWords{Message: s.Explain(failure).AppendFatal(nil), Err: failure}
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
	if errors.Is(err, wake.ErrCrowded) {
		failure.Message, failure.Kind = "there is no room to wake the tenant", "crowded"
		failure.Hint = "As many tenants are at work as may be at once (wake.max_awake), or memory is short. " + failure.Hint
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
			s.log().Warn("cannot read the tenant's roles again", "tenant", s.tenant.ID, "error", err)
		}
	}
	if effects&relay.Logins != 0 {
		s.forget(ctx)
	}
}
