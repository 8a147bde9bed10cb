package proxy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"postern/proxy/engine"
	"postern/proxy/pool"
	"postern/proxy/relay"
)

// kept is what a session in session mode has besides: a place in a pool, whose
// server connection it keeps to its end. DISCARD ALL is run then, and brings back
// what the connection was started with; so that this is what the client has asked
// for, whatever it resets, connections are shared only by those who have asked for
// the same, application_name included, and never with transaction mode. They wait
// in one queue all the same, and within one default_pool_size.
type kept struct {
	key pool.Key
	own relay.Settings // what the server connection must have been started with

	// keepsake is what a parked session has to get again, nil if it is not parked.
	// It is the conversation's.
	keepsake *relay.Keepsake
	// stays is why the session could not be parked when that was last tried.
	stays atomic.Pointer[stay]
}

// stay is what a session had at one moment that kept it on its server connection.
type stay struct {
	pins  relay.Pins
	found time.Time
}

// newKept makes s a session in session mode.
func newKept(s *session) *kept {
	return &kept{
		key: pool.Key{Tenant: s.tenant.UID, Role: s.identity.Role, Database: s.identity.Database, Exact: true},
		own: relay.NewSettings(s.identity.Settings),
	}
}

// greetKept returns what a client in session mode is told of the server connection
// that it gets at once.
func (s *session) greetKept(conversation conversation) ([]byte, error) {
	lease, m, err := s.keep(s.ctx)
	if err != nil {
		return nil, err
	}
	said := lease.Said
	if m.user != 0 { // what the server says to a login, it has said to somebody else
		said = appendParameters(nil, m.parameters)
	}
	peer := s.borrowed(lease, m, lease.Early)
	conversation.Attach(peer)
	s.remember(s.greeting(), m.parameters)
	return said, nil
}

// attachKept gets a session its server connection that was greeted from memory, or
// parked.
func (s *session) attachKept(ctx context.Context) (engine.Peer, error) {
	for again := true; ; again = false {
		lease, m, err := s.keep(ctx)
		if err != nil {
			return engine.Peer{}, err
		}
		ahead, err := s.welcomeOn(ctx, lease, m)
		switch {
		case err == nil:
			s.kept.keepsake = nil
			return s.borrowed(lease, m, ahead), nil
		case isSettingsRefused(err):
			s.server.tasks.Go(func() { s.server.recover(lease, engine.Return{Status: 'I', Discard: true}, nil) })
			return engine.Peer{}, err
		}
		lease.Release(false)
		if ctx.Err() != nil || !again {
			return engine.Peer{}, s.connectFailure(err)
		}
		// It has broken, and nothing of the client's was sent: another will do.
	}
}

// welcomeOn prepares a server connection for the session and returns what the client
// has to be told of it.
func (s *session) welcomeOn(ctx context.Context, lease *pool.Lease, m *memory) (ahead []byte, err error) {
	if s.kept.keepsake != nil {
		ctx, cancel := context.WithTimeout(ctx, s.server.settings().ConnectTimeout)
		defer cancel()
		return s.kept.resume(ctx, lease, m)
	}
	s.remember(s.greeting(), m.parameters)
	told := s.tenant.Greetings[s.greeting().Key()].Parameters
	return slices.Concat(s.news(told, m.parameters), lease.Notices, lease.Early), nil
}

// keep wakes the tenant if need be and waits for a server connection of the pool.
func (s *session) keep(ctx context.Context) (*pool.Lease, *memory, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.server.settings().QueryWaitTimeout, errQueryWait)
	defer cancel()
	if !s.server.pools.Paused(s.kept.key.Tenant) { // else who lends again wakes it
		if err := s.wake(ctx); err != nil {
			return nil, nil, s.waitFailure(ctx, err)
		}
	}
	s.enter(connecting)
	lease, err := s.server.pools.AcquireAlike(ctx, s.kept.key, s.kept.own, s.dialer.connect)
	if err != nil {
		return nil, nil, s.waitFailure(ctx, s.connectFailure(err))
	}
	return lease, lease.Memory.(*memory), nil
}

// giveBackUnused is for a session that has ended before its conversation began.
func (s *session) giveBackUnused() {
	s.mu.Lock()
	lease := s.lease
	s.mu.Unlock()
	if lease != nil {
		s.Release(engine.Peer{Lease: lease}, engine.Return{Status: 'I'})
	}
}

// lookAt asks for the parameters of a server connection that was cleaned: what it
// has reported while a client in session mode had it, that client was told alone.
func (m *memory) lookAt(ctx context.Context, lease *pool.Lease) error {
	if len(m.parameters) == 0 {
		return nil
	}
	names := slices.Collect(maps.Keys(m.parameters))
	rows, _, err := lease.Ask(ctx, "SELECT n, pg_catalog.current_setting(n, true) FROM "+relay.Names(names)+" AS n", nil)
	if err != nil {
		return err
	}
	if len(lease.Early) > 0 {
		return errors.New("the server goes on")
	}
	parameters := maps.Clone(m.parameters)
	if err := readParameters(parameters, rows); err != nil {
		return err
	}
	m.setParameters(parameters)
	return nil
}

// readParameters takes the answer. A setting that there is not stays as it was.
func readParameters(parameters map[string]string, rows [][]*string) error {
	for _, row := range rows {
		if len(row) != 2 || row[0] == nil {
			return fmt.Errorf("ask for settings: a row of %d", len(row))
		}
		if row[1] != nil {
			parameters[*row[0]] = *row[1]
		}
	}
	return nil
}
