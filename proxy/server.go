package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/catalog"
	"postern/proxy/pool"
	"postern/proxy/relay"
	"postern/proxy/wire"
	"postern/router"
)

// Server takes clients. Make one with New, call Serve for each listener, and
// Drain at the end.
type Server struct {
	config    Config
	admission *router.Admission
	cancels   *cancelRegistry
	pools     *pool.Group
	waits     sync.Pool // of *queued
	accounts  accounts
	newcomers turnstile
	numbers   atomic.Uint64 // of sessions, the last that was given
	// activeServers counts server connections that a client has of the pools.
	activeServers prometheus.Gauge

	// current is the settings in effect, replaced under reconfiguring.
	current       atomic.Pointer[inEffect]
	reconfiguring sync.Mutex

	// life ends, with a *wire.Error as its cause, when every session must.
	life context.Context
	end  context.CancelCauseFunc
	// tasks are the sessions and what they have left to do.
	tasks sync.WaitGroup
	// limitsKept is closed when keepLimits has returned.
	limitsKept chan struct{}

	mu        sync.Mutex
	draining  bool                                       // under mu
	listeners map[net.Listener]struct{}                  // under mu
	sessions  map[*session]struct{}                      // under mu: all of them
	tenants   map[catalog.TenantID]map[*session]struct{} // under mu: those with a conversation
	counters  map[catalog.TenantID]*relay.Counter        // under mu: of all that have had clients
}

// New returns a Server; see Config for what it must be given.
func New(config Config) *Server {
	config = config.withDefaults()
	settings := config.Settings.withDefaults()
	settings.Pool.Log, settings.Pool.Dropped = config.Log, config.Dropped
	s := &Server{
		config:        config,
		admission:     router.NewAdmission(settings.MaxClients),
		cancels:       newCancelRegistry(config.Secret, config.Fleet, config.Log),
		pools:         pool.NewGroup(settings.Pool),
		activeServers: config.Metrics.ServerConnections.WithLabelValues("active"),
		listeners:     make(map[net.Listener]struct{}),
		sessions:      make(map[*session]struct{}),
		tenants:       make(map[catalog.TenantID]map[*session]struct{}),
		counters:      make(map[catalog.TenantID]*relay.Counter),
		limitsKept:    make(chan struct{}),
	}
	s.current.Store(s.effect(settings, &relay.Config{}))
	s.life, s.end = context.WithCancelCause(context.Background())
	config.Metrics.Watch(s.traffic)
	go s.keepLimits()
	return s
}

// Serve takes clients from listener until Drain closes it, and then returns nil.
func (s *Server) Serve(listener net.Listener) error {
	s.mu.Lock()
	if s.draining {
		s.mu.Unlock()
		return listener.Close()
	}
	s.listeners[listener] = struct{}{}
	s.mu.Unlock()
	var pause time.Duration
	for {
		conn, err := listener.Accept()
		switch {
		case err == nil:
			pause = 0
			s.start(conn)
		case errors.Is(err, net.ErrClosed):
			return nil
		case pause > time.Second && !passes(err):
			return fmt.Errorf("accept clients: %w", err)
		default:
			pause = min(max(2*pause, 5*time.Millisecond), 2*time.Second)
			s.config.Log.Warn("cannot accept a client", "error", err, "pause", pause)
			time.Sleep(pause)
		}
	}
}

// passes reports whether what keeps clients from being accepted will pass: there
// are no descriptors or no memory, and those in use will be given back, or the
// client has gone already.
func passes(err error) bool {
	for _, shortage := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, shortage) {
			return true
		}
	}
	return false
}

// start runs a session on conn, which it owns from now on.
func (s *Server) start(conn net.Conn) {
	session := newSession(s, conn)
	s.mu.Lock()
	refuse := s.draining || len(s.sessions) >= 2*s.settings().MaxClients
	if !refuse {
		s.sessions[session] = struct{}{}
		s.tasks.Add(1)
	}
	s.mu.Unlock()
	if refuse {
		session.stop(nil)
		conn.Close()
		return
	}
	go session.run()
}

// part is for a session that is over.
func (s *Server) part(session *session) {
	s.mu.Lock()
	delete(s.sessions, session)
	s.mu.Unlock()
	s.tasks.Done()
}

// errDrained ends sessions that a drain does not wait for.
var errDrained = &wire.Error{
	Code:    wire.AdminShutdown,
	Message: "terminating connection because this proxy is shutting down",
	Hint:    "Connect again.",
	Kind:    "drained",
}

// WaitForClients closes the listeners and returns when every client of a tenant
// has left by itself, or ctx ends. Drain is to follow.
func (s *Server) WaitForClients(ctx context.Context) {
	s.stopListening()
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for s.clients() > 0 {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// Drain closes the listeners, ends each session as soon as it is between
// transactions, and returns when none is left; those of the console end last. When
// ctx ends, the others are cut off.
func (s *Server) Drain(ctx context.Context) {
	for _, session := range s.stopListening() {
		if s.config.Console.find(session) == nil {
			session.endWhenIdle(errDrained)
			session.release(errDrained)
		}
	}
	s.WaitForClients(ctx)
	sessions := s.stopListening()
	for _, session := range sessions {
		session.endWhenIdle(errDrained)
	}
	done := make(chan struct{})
	go func() { // ends with the tasks, which end is about to end if ctx does not wait
		defer close(done)
		s.tasks.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	s.end(errDrained)
	for _, session := range sessions { // those on the loop
		session.end(errDrained)
	}
	<-done
	<-s.limitsKept
	s.pools.Close()
}

// stopListening takes nobody new, and returns the sessions that there are.
func (s *Server) stopListening() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	for listener := range s.listeners {
		listener.Close()
	}
	sessions := make([]*session, 0, len(s.sessions))
	for session := range s.sessions {
		sessions = append(sessions, session)
	}
	return sessions
}

// clients is how many sessions there are but for those of the console.
func (s *Server) clients() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions) - s.config.Console.sessions()
}
