package proxy

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/engine"
	"postern/proxy/pool"
	"postern/proxy/relay"
	"postern/proxy/wire"
)

// pooled is what a session in transaction mode has besides.
type pooled struct {
	// told is what the client was told of its server, by base and in full.
	told       base
	parameters map[string]string

	wait *queued // under session.mu: its wait in the pool's queue
}

// TryAttach implements engine.Host.
func (s *session) TryAttach(want relay.Settings) (engine.Peer, bool) {
	if s.pooled == nil {
		return engine.Peer{}, false
	}
	lease, ok := s.server.pools.TryAcquireAlike(s.poolKey, want)
	if !ok {
		return engine.Peer{}, false
	}
	m := lease.Memory.(*memory)
	if !s.fits(lease, m, want) {
		lease.ReleaseUnused()
		return engine.Peer{}, false
	}
	return s.borrowed(lease, m, nil), true
}

// fits reports whether the client can have the server connection as it is.
func (s *session) fits(lease *pool.Lease, m *memory, want relay.Settings) bool {
	return len(lease.Early) == 0 && len(lease.Notices) == 0 && m.relay.Settings == want && m.base == s.pooled.told && !s.mustReset(m)
}

// borrow waits for a server connection of the pool and makes it the client's.
func (s *session) borrow(ctx context.Context, want relay.Settings) (engine.Peer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.server.settings().QueryWaitTimeout, errQueryWait)
	defer cancel()
	if !s.server.pools.Paused(s.poolKey.Tenant) { // else who lends again wakes it
		if err := s.wake(ctx); err != nil {
			return engine.Peer{}, s.waitFailure(ctx, err)
		}
	}
	s.enter(connecting)
	for again := true; ; again = false {
		lease, ok := s.server.pools.TryAcquireAlike(s.poolKey, want)
		if !ok {
			var err error
			if lease, err = s.server.pools.Acquire(ctx, s.poolKey, s.dialer.connect); err != nil {
				return engine.Peer{}, s.waitFailure(ctx, s.connectFailure(err))
			}
		}
		peer, err := s.lend(ctx, lease, want)
		var failure *wire.Error
		switch {
		case err == nil:
			return peer, nil
		case errors.As(err, &failure) || ctx.Err() != nil || !again:
			return engine.Peer{}, s.waitFailure(ctx, s.connectFailure(err))
		}
		// It has broken, and nothing of the client's was sent: another will do.
	}
}

// lend makes the client's settings true on a server connection, and makes it the
// client's.
func (s *session) lend(ctx context.Context, lease *pool.Lease, want relay.Settings) (engine.Peer, error) {
	s.disregard(lease)
	m := lease.Memory.(*memory)
	ahead := slices.Clone(lease.Notices)
	if len(lease.Early) > 0 {
		m.heard(lease.Early)
	}
	if err := s.restore(ctx, lease, m, want); err != nil {
		lease.Release(isSettingsRefused(err))
		return engine.Peer{}, err
	}
	if m.base != s.pooled.told && s.pooled.parameters != nil {
		ahead = append(s.news(s.pooled.parameters, m.parameters), ahead...)
	}
	s.pooled.told, s.pooled.parameters = m.base, m.parameters
	return s.borrowed(lease, m, ahead), nil
}

// errQueryWait ends a session whose statement has waited for too long.
var errQueryWait = &wire.Error{
	Code: wire.QueryCanceled, Message: "query_wait_timeout", Kind: "query_wait_timeout",
	Hint: "All server connections of the pool were in use. Raise pool.default_pool_size, or make transactions shorter.",
}

// waitFailure is err, unless the wait has ended by query_wait_timeout.
func (s *session) waitFailure(ctx context.Context, err error) error {
	if context.Cause(ctx) == errQueryWait {
		return s.queryWait()
	}
	return err
}

// mustReset reports whether what another client has left on the connection, seen
// or not, must go first (pool.reset = "change").
func (s *session) mustReset(m *memory) bool {
	return s.server.settings().Reset == ResetChange && m.user != 0 && m.user != s.number
}

// restore brings the client's settings into effect. After an error the connection is
// of no more use, unless isSettingsRefused.
func (s *session) restore(ctx context.Context, lease *pool.Lease, m *memory, want relay.Settings) error {
	if s.mustReset(m) {
		if err := lease.Recover(ctx, 'I', true); err != nil {
			return err
		}
		m.relay.Reset()
	}
	if m.relay.Settings == want {
		return nil
	}
	_, _, err := lease.Ask(ctx, want.From(m.relay.Settings), nil)
	m.relay.Queried()
	var refused *pool.QueryError
	if errors.As(err, &refused) {
		return settingsRefused(refused)
	}
	if err == nil {
		m.relay.Settings = want
	}
	return err
}

// isSettingsRefused reports whether err is what the server has answered to a client's
// settings. Any other *wire.Error may be why a wait has ended, in the middle of the
// answer.
func isSettingsRefused(err error) bool {
	var failure *wire.Error
	return errors.As(err, &failure) && failure.Kind == settingsRefusedKind
}

const settingsRefusedKind = "settings_refused"

func settingsRefused(refused *pool.QueryError) *wire.Error {
	failure := &wire.Error{
		Code: refused.Code, Kind: settingsRefusedKind, Cause: refused,
		Hint: "A setting of this session cannot be made on another server connection. Set it to another value, or connect again.",
	}
	var m pgproto3.ErrorResponse
	if len(refused.Message) > wire.HeaderSize && m.Decode(refused.Message[wire.HeaderSize:]) == nil {
		failure.Message, failure.Detail = m.Message, m.Detail
	}
	return failure
}

// borrowed makes the lease the session's, until Release.
func (s *session) borrowed(lease *pool.Lease, m *memory, ahead []byte) engine.Peer {
	m.user = s.number
	s.disregard(lease)
	lease.Watched = s.dialer.looped // while it is idle, the loop that has it now sees what comes
	s.mu.Lock()
	s.lease = lease
	s.mu.Unlock()
	s.server.activeServers.Inc()
	s.counter.Assignments.Add(1)
	peer := engine.Peer{Conn: lease.Server.Conn, Ahead: ahead, Lease: lease}
	if s.pooled != nil {
		peer.Server = &m.relay
	}
	return peer
}

// Release implements engine.Host.
func (s *session) Release(peer engine.Peer, returned engine.Return) {
	lease := peer.Lease.(*pool.Lease)
	s.server.activeServers.Dec()
	s.mu.Lock()
	cancels := s.cancels
	s.lease, s.cancels = nil, nil
	s.mu.Unlock()
	always := s.server.settings().Reset == ResetAlways || s.kept != nil
	switch {
	case cancels == nil && returned.Broken:
		lease.Release(false)
	case cancels == nil && returned.Status == 'I' && !returned.Discard && !always:
		lease.Affinity = lease.Memory.(*memory).relay.Settings
		lease.Release(true)
	default:
		returned.Discard = returned.Discard || always
		s.server.tasks.Go(func() { s.server.recover(lease, returned, cancels) })
	}
}

// recoverTimeout bounds putting a server connection in order.
const recoverTimeout = 10 * time.Second

// recover puts a server connection in order, once the cancel requests for it have
// arrived, and gives it back. cancels may be nil.
func (s *Server) recover(lease *pool.Lease, returned engine.Return, cancels *arrivals) {
	if cancels != nil && !cancels.wait() || returned.Broken {
		lease.Release(false)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.life), recoverTimeout)
	defer cancel()
	err := lease.SetDeadline(time.Time{})
	if err == nil {
		err = lease.Recover(ctx, returned.Status, returned.Discard)
	}
	m := lease.Memory.(*memory)
	m.relay.Queried()
	if returned.Discard {
		m.relay.Reset()
	}
	if err == nil && m.kept {
		err = m.lookAt(ctx, lease)
	}
	if err != nil {
		s.config.Log.Debug("a server connection is given up", "error", err)
	}
	lease.Release(err == nil)
}

// Ask implements engine.Host.
func (s *session) Ask(ctx context.Context, peer engine.Peer, sql string, early []byte) (engine.Answer, error) {
	lease := peer.Lease.(*pool.Lease)
	rows, asides, err := lease.Ask(ctx, sql, early)
	var refused *pool.QueryError
	if errors.As(err, &refused) {
		err = errors.Join(engine.ErrRefused, err)
	}
	answer := engine.Answer{Rows: rows, Asides: asides, Behind: lease.Early}
	lease.Early = nil
	return answer, err
}

// Vacate implements engine.Host.
func (s *session) Vacate(databases []string) {
	for _, name := range databases {
		s.server.pools.CloseDatabase(s.tenant.UID, name)
	}
}

// Cancel implements engine.Host.
func (s *session) Cancel(ctx context.Context, _ engine.Peer) error {
	_, err := s.cancelLent(ctx)
	return err
}

// cancelLent sends a cancel request to the server connection that the session has
// borrowed. That is lent to nobody else before the server has taken note.
func (s *session) cancelLent(ctx context.Context) (sent bool, err error) {
	s.mu.Lock()
	lease := s.lease
	if lease == nil {
		s.mu.Unlock()
		return false, nil
	}
	if s.cancels == nil {
		s.cancels = new(arrivals)
	}
	cancels := s.cancels
	cancels.begin()
	s.mu.Unlock()
	err = lease.Cancel(ctx)
	cancels.end(err)
	return true, err
}
