package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"postern/proxy/engine"
	"postern/proxy/pool"
	"postern/proxy/wire"
)

// stage is where a session is on its way, by the name it has in logs, metrics
// and the DETAIL of errors.
type stage uint8

// The stages, in their order.
const (
	accepted stage = iota
	starting
	identifying
	lookingUp
	authenticating
	admitting
	greeting
	waking
	connecting
	relaying
)

func (s stage) String() string {
	return [...]string{
		accepted:       "accept",
		starting:       "startup",
		identifying:    "identify",
		lookingUp:      "catalog",
		authenticating: "authenticate",
		admitting:      "admit",
		greeting:       "greet",
		waking:         "wake",
		connecting:     "pool",
		relaying:       "relay",
	}[s]
}

// enter begins a stage and files how long the one before took.
func (s *session) enter(next stage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.stage != accepted && s.stage != relaying {
		s.server.config.Metrics.Stages.WithLabelValues(s.stage.String()).Observe(now.Sub(s.since).Seconds())
	}
	s.stage, s.since = next, now
}

// lastWordsTimeout bounds the writing of the last message to a client whose
// deadline has passed.
const lastWordsTimeout = time.Second

// fail ends a session that has no conversation: it tells the client why, if it
// still listens, and the log.
func (s *session) fail(err error) {
	if errors.Is(err, wire.ErrHangUp) {
		s.log().Debug("client hung up", "stage", s.stage.String())
		return
	}
	failure, tell := s.failure(err)
	s.server.config.Metrics.Logins.WithLabelValues(failure.Reason()).Inc()
	if tell != nil {
		s.server.config.Metrics.Rejected.WithLabelValues(failure.Code).Inc()
		s.conn.SetWriteDeadline(time.Now().Add(lastWordsTimeout))
		s.conn.Write(append(s.takeUnsent(), tell...))
	}
	s.log().Info("login failed", "stage", s.stage.String(), "role", s.identity.Role, "tenant", s.identity.Tenant,
		"code", failure.Code, "reason", failure.Reason(), "error", err, "seconds", time.Since(s.began).Seconds())
}

// failure returns what err means and what the client is told, nil if it could
// not hear it.
func (s *session) failure(err error) (*wire.Error, []byte) {
	if cause := context.Cause(s.ctx); cause != nil {
		err = cause
	}
	var last *engine.LastWords
	if errors.As(err, &last) {
		return &wire.Error{Code: codeOf(last), Kind: "refused_by_backend", Cause: err}, last.Message
	}
	var failure *wire.Error
	var network net.Error
	switch {
	case errors.As(err, &failure):
	case errors.As(err, &network) && network.Timeout():
		failure = &wire.Error{
			Code: wire.QueryCanceled, Message: "canceling authentication due to timeout", Kind: "login_timeout", Cause: err,
			Hint: "The login must be complete within client_login_timeout.",
		}
	case errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) || s.opening == nil || s.opening.Startup == nil:
		// A lost connection, or a TLS handshake that failed: nobody to talk to.
		return &wire.Error{Code: wire.ConnectionFailure, Kind: "client_lost", Cause: err}, nil
	default:
		failure = wire.AsError(err)
	}
	return failure, s.Explain(failure).AppendFatal(nil)
}

// codeOf returns the SQLSTATE of somebody else's last words.
func codeOf(last *engine.LastWords) string {
	var refused *pool.RefusedError
	var failure *wire.Error
	switch {
	case errors.As(last, &refused):
		return refused.Code
	case errors.As(last, &failure):
		return failure.Code
	}
	return wire.ConnectionFailure
}

// Explain implements engine.Host: it puts the session and its stage into DETAIL,
// so that a user's report leads to the log.
func (s *session) Explain(err *wire.Error) *wire.Error {
	s.mu.Lock()
	where := fmt.Sprintf("Session %s, phase %s.", s.id, s.stage)
	s.mu.Unlock()
	explained := *err
	if explained.Detail != "" {
		where = explained.Detail + " " + where
	}
	explained.Detail = where
	return &explained
}

// logEnd writes the one line that each session leaves.
func (s *session) logEnd(err error, in, out int64) {
	reason := "client_terminated"
	var failure *wire.Error
	switch {
	case err == nil:
	case errors.As(err, &failure):
		reason = failure.Reason()
		s.server.config.Metrics.Rejected.WithLabelValues(failure.Code).Inc()
	default:
		reason = err.Error()
	}
	s.log().Info("session ended", "tenant", s.tenant.ID, "role", s.identity.Role, "database", s.identity.Database,
		"carrier", s.identity.Carrier, "reason", reason, "bytes_in", in, "bytes_out", out, "seconds", time.Since(s.began).Seconds())
}
