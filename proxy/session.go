package proxy

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"postern/catalog"
	"postern/proxy/auth"
	"postern/proxy/engine"
	"postern/proxy/pool"
	"postern/proxy/relay"
	"postern/proxy/wire"
	"postern/router"
)

// session is one client, from accept to close. Its fields are filled in by the
// stages, in the order in which they stand here.
type session struct {
	server *Server
	id     string
	number uint64 // never given twice
	log    *slog.Logger
	began  time.Time
	over   chan struct{} // closed when the session has ended

	conn     net.Conn // the client; a *tls.Conn after startup if it asked
	opening  *wire.Opening
	identity router.Identity
	tenant   *catalog.Tenant // as it was at login
	keys     auth.LoginKeys

	dialer  *dialer
	backend *pool.Server // in session mode, the server connection, nil until attached; closed by run
	pooled  *pooled      // nil in session mode
	key     *cancelKey

	// ctx is the session's life, with a *wire.Error as the cause of its end.
	ctx  context.Context
	stop context.CancelCauseFunc

	mu           sync.Mutex
	stage        stage        // under mu
	since        time.Time    // under mu: when the stage began
	conversation conversation // under mu until the session has joined its tenant's
	ending       *wire.Error  // under mu: asked to end before there was a conversation
}

// conversation is what both engines make.
type conversation interface {
	Attach(engine.Peer)
	Run(ctx context.Context) error
	EndWhenIdle(*wire.Error)
	KeepOn()
	CancelWait(*wire.Error) bool
	Attached() bool
	Busy() bool
	Pins() relay.Pins
	Bytes() (in, out int64)
}

// looped reports whether an event loop relays for the session.
func (s *session) looped() bool {
	loop := s.server.config.Loop
	return loop != nil && s.pools() && loop.Can(s.conn)
}

// newConversation makes the session's conversation, in its pool mode.
func (s *session) newConversation() conversation {
	pool := func(session *relay.Session) {
		if s.pooled != nil {
			session.Pool(&s.server.relay, s.pooled.own)
		}
	}
	if s.looped() {
		return s.server.config.Loop.New(s.tenant.UID, s.conn, s, pool)
	}
	return engine.New(s.conn, s, pool)
}

func newSession(server *Server, conn net.Conn) *session {
	if server.config.Loop != nil {
		conn = engine.Wrap(conn)
	}
	id := newSessionID()
	return &session{
		server: server,
		id:     id,
		number: server.numbers.Add(1),
		log:    server.config.Log.With("session", id, "client", conn.RemoteAddr().String()),
		began:  time.Now(),
		over:   make(chan struct{}),
		conn:   conn,
	}
}

// newSessionID makes a short random name to find a session's lines in the log by.
func newSessionID() string {
	var b [6]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// run is the way in. Rows 1 to 6 share one deadline; what a stage takes it gives
// back by defer.
func (s *session) run(ctx context.Context) {
	defer close(s.over)
	defer func() { s.conn.Close() }() // startup may wrap it
	s.ctx, s.stop = context.WithCancelCause(ctx)
	defer s.stop(nil)
	s.server.config.Metrics.Clients.WithLabelValues("login").Inc()
	greeted := false
	defer func() {
		if !greeted {
			s.server.config.Metrics.Clients.WithLabelValues("login").Dec()
		}
	}()

	lift := s.deadline()
	defer lift()
	if err := s.startup(); err != nil {
		s.fail(err)
		return
	}
	if s.opening.Cancel != nil {
		s.server.cancels.serve(s.ctx, s.opening.Cancel, s.server.config.Metrics)
		return
	}
	if err := s.identify(); err != nil {
		if console := s.server.config.Console; console.takes(s, err) {
			console.serve(s, func() {
				lift()
				greeted = true
				s.server.config.Metrics.Clients.WithLabelValues("login").Dec()
			})
			return
		}
		s.fail(err)
		return
	}
	if err := s.authenticate(); err != nil {
		s.fail(err)
		return
	}
	defer s.forgetKeys()
	ticket, err := s.admit()
	if err != nil {
		s.fail(err)
		return
	}
	defer ticket.Release()
	lift()
	defer s.closeBackend()
	if err := s.greet(); err != nil {
		s.fail(err)
		return
	}
	defer s.server.cancels.remove(s.key)
	defer s.server.leave(s)
	greeted = true
	s.server.config.Metrics.Clients.WithLabelValues("login").Dec()
	s.relay()
}

// deadline bounds the login. The function it returns lifts the bound.
func (s *session) deadline() (lift func()) {
	conn := s.conn // the bare one, whatever wraps it later
	conn.SetDeadline(s.began.Add(s.server.config.LoginTimeout))
	// A session that is told to end must not sit out its deadline.
	stop := context.AfterFunc(s.ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	return sync.OnceFunc(func() {
		if stop() {
			conn.SetDeadline(time.Time{})
		}
	})
}

// relay runs the conversation to its end and says how it went.
func (s *session) relay() {
	metrics := s.server.config.Metrics
	s.enter(relaying)
	metrics.Clients.WithLabelValues("active").Inc()
	defer metrics.Clients.WithLabelValues("active").Dec()
	err := s.conversation.Run(s.ctx)
	if s.backend != nil && errors.Is(err, engine.ErrClientLost) && s.conversation.Busy() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), s.server.config.ConnectTimeout)
		defer cancel()
		if err := s.backend.Cancel(ctx); err != nil {
			s.log.Debug("cannot cancel what the lost client left running", "error", err)
		}
	}
	in, out := s.conversation.Bytes()
	metrics.Bytes.WithLabelValues("in").Add(float64(in))
	metrics.Bytes.WithLabelValues("out").Add(float64(out))
	s.logEnd(err, in, out)
}

// closeBackend ends the server connection, if there is one.
func (s *session) closeBackend() {
	if s.backend != nil {
		s.backend.Close()
		s.server.config.Metrics.ServerConnections.WithLabelValues("active").Dec()
	}
}

// forgetKeys zeroes the client's key.
func (s *session) forgetKeys() { clear(s.keys.ClientKey) }

// end ends the session at once with err.
func (s *session) end(err *wire.Error) { s.stop(err) }

// endWhenIdle ends the session with err as soon as it is between transactions. A
// session that has not come to its conversation yet is ended at once.
func (s *session) endWhenIdle(err *wire.Error) {
	s.mu.Lock()
	conversation := s.conversation
	if conversation == nil {
		s.ending = err
	}
	s.mu.Unlock()
	if conversation != nil {
		conversation.EndWhenIdle(err)
	}
	s.server.config.Console.end(s, err)
}
