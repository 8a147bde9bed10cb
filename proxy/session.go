package proxy

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"postern/proxy/auth"
	"postern/proxy/engine"
	"postern/proxy/pool"
	"postern/proxy/relay"
	"postern/proxy/wire"
	"postern/router"
)

// session is one client, from accept to close. Its fields are filled in by the
// stages. An idle client is to cost little: what many of them have in common is in
// account, and what only the login needs is in login.
type session struct {
	server *Server
	*account
	*login        // nil once the client is greeted
	number uint64 // never given twice
	id     sessionID
	began  time.Time
	remote netip.AddrPort // the client's address; none if it came by a Unix socket
	over   atomic.Bool    // the session has ended

	conn    net.Conn // the client; a *tls.Conn after startup if it asked
	version uint16   // of the client's TLS, 0 in the clear
	suite   uint16   // likewise
	ticket  *router.Ticket
	backend *pool.Server // for replication, the server connection, nil until attached; closed by finish
	pooled  *pooled      // nil but in transaction mode
	kept    *kept        // nil but in session mode
	key     *cancelKey
	shares  bool // account is the server's

	// ctx is the session's life, with a *wire.Error as the cause of its end; once the
	// loop relays, it is the server's.
	ctx  context.Context
	stop context.CancelCauseFunc

	mu           sync.Mutex
	stage        stage        // under mu
	since        time.Time    // under mu: when the stage began
	conversation conversation // under mu until the session has joined its tenant's
	handedOver   bool         // under mu: the conversation is the loop's, and ends by its End
	ending       *wire.Error  // under mu: asked to end before there was a conversation
	lease        *pool.Lease  // under mu: what the pool has lent it, nil if nothing
	cancels      *arrivals    // under mu: of lease, nil if there were none
}

// login is what a session has until the client is greeted.
type login struct {
	opening *wire.Opening
	keys    auth.LoginKeys
	unsent  []byte // what the client is to receive before anything else
}

// conversation is what both engines make.
type conversation interface {
	Attach(engine.Peer)
	EndWhenIdle(*wire.Error)
	EndIfIdle(*wire.Error)
	KeepOn()
	CancelWait(*wire.Error) bool
	Attached() bool
	Busy() bool
	Doing() engine.Doing
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
		session.Count(s.counter)
		switch {
		case s.pooled != nil:
			session.Pool(s.server.current.Load().relay, s.own)
		case s.kept != nil:
			session.Borrow()
		}
	}
	if s.looped() {
		return s.server.config.Loop.New(s.tenant.UID, s.conn, s, pool)
	}
	return engine.New(s.conn, s, pool)
}

func newSession(server *Server, conn net.Conn) *session {
	s := &session{
		server:  server,
		account: &account{defaultMode: server.settings().PoolMode},
		login:   &login{},
		id:      newSessionID(),
		number:  server.numbers.Add(1),
		began:   time.Now(),
		conn:    conn,
	}
	s.ctx, s.stop = context.WithCancelCause(server.life)
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		s.remote = tcp.AddrPort()
	}
	if server.config.Loop != nil {
		s.conn = engine.Wrap(conn)
	}
	return s
}

// sessionID is a short random name to find a session's lines in the log by.
type sessionID [6]byte

func newSessionID() (id sessionID) {
	rand.Read(id[:])
	return id
}

func (id sessionID) String() string { return hex.EncodeToString(id[:]) }

// log is for what concerns this client.
func (s *session) log() *slog.Logger {
	return s.server.config.Log.With("session", s.id.String(), "client", s.client())
}

// address is the client's.
func (s *session) address() net.Addr {
	if !s.remote.IsValid() {
		return &net.UnixAddr{Net: "unix"}
	}
	return net.TCPAddrFromAddrPort(s.remote)
}

// client is the client's address, for people.
func (s *session) client() string {
	if !s.remote.IsValid() {
		return "unix"
	}
	return s.remote.String()
}

// takeUnsent returns what the client is to receive before what follows.
func (s *session) takeUnsent() []byte {
	unsent := s.unsent
	s.unsent = nil
	return unsent
}

// run is the way in. It returns when the session has ended, or when the loop has
// it.
func (s *session) run() {
	if !s.logIn() {
		s.close()
		return
	}
	s.server.config.Metrics.Clients.WithLabelValues("active").Inc()
	s.enter(relaying)
	s.login = nil
	switch c := s.conversation.(type) {
	case *engine.LoopConversation:
		s.handOver(c)
	case *engine.Conversation:
		s.finish(c.Run(s.ctx))
	}
}

// logIn is rows 1 to 7, of which 1 to 6 share one deadline. What a stage takes it
// gives back by defer, unless the client is greeted: then finish does.
func (s *session) logIn() (greeted bool) {
	logins := s.server.config.Metrics.Clients.WithLabelValues("login")
	logins.Inc()
	entered := sync.OnceFunc(logins.Dec)
	defer entered()
	lift := s.deadline()
	defer lift()
	if err := s.startup(); err != nil {
		s.fail(err)
		return false
	}
	if s.opening.Cancel != nil {
		s.server.cancels.serve(s.ctx, s.opening.Cancel, s.server.config.Metrics)
		return false
	}
	if err := s.identify(); err != nil {
		if console := s.server.config.Console; console.takes(s, err) {
			console.serve(s, func() { lift(); entered() })
			return false
		}
		s.fail(err)
		return false
	}
	if err := s.authenticate(); err != nil {
		s.fail(err)
		return false
	}
	defer s.forgetKeys()
	if err := s.admit(); err != nil {
		s.fail(err)
		return false
	}
	defer func() {
		if !greeted {
			s.closeBackend()
			s.leaveAccount()
			s.ticket.Release()
		}
	}()
	lift()
	if err := s.greet(); err != nil {
		s.fail(err)
		return false
	}
	return true
}

// deadline bounds the login. The function it returns lifts the bound.
func (s *session) deadline() (lift func()) {
	conn := s.conn // the bare one, whatever wraps it later
	conn.SetDeadline(s.began.Add(s.server.settings().LoginTimeout))
	// A session that is told to end must not sit out its deadline.
	stop := context.AfterFunc(s.ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	return sync.OnceFunc(func() {
		if stop() {
			conn.SetDeadline(time.Time{})
		}
	})
}

// handOver leaves the session to the loop: from here on, it has no goroutine and
// no context of its own.
func (s *session) handOver(loop *engine.LoopConversation) {
	s.mu.Lock()
	told := context.Cause(s.ctx)
	s.handedOver = true
	s.stop(nil)
	s.ctx, s.stop = s.server.life, nil
	s.mu.Unlock()
	var failure *wire.Error
	if errors.As(told, &failure) {
		loop.End(failure)
	}
	loop.Start(s.finish)
}

// finish is the end of a session whose conversation has ended with err.
func (s *session) finish(err error) {
	if s.backend != nil && errors.Is(err, engine.ErrClientLost) && s.conversation.Busy() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), s.server.settings().ConnectTimeout)
		defer cancel()
		if err := s.backend.Cancel(ctx); err != nil {
			s.log().Debug("cannot cancel what the lost client left running", "error", err)
		}
	}
	in, out := s.conversation.Bytes()
	metrics := s.server.config.Metrics
	metrics.Clients.WithLabelValues("active").Dec()
	s.logEnd(err, in, out)
	s.server.leave(s)
	s.server.cancels.remove(s.key)
	s.closeBackend()
	s.ticket.Release()
	s.leaveAccount()
	s.close()
}

// close is the end of every session.
func (s *session) close() {
	if !s.handedOver {
		s.stop(nil)
	}
	s.conn.Close() // startup may have wrapped it
	s.over.Store(true)
	s.server.part(s)
}

// closeBackend ends the server connection of its own, if there is one, and gives
// back one of the pool that the conversation has not.
func (s *session) closeBackend() {
	s.giveBackUnused()
	if s.backend != nil {
		s.backend.Close()
		s.server.pools.Leave(s.tenant.UID)
		s.server.config.Metrics.ServerConnections.WithLabelValues("active").Dec()
	}
}

// forgetKeys zeroes the client's key.
func (s *session) forgetKeys() {
	if s.login != nil {
		clear(s.keys.ClientKey)
	}
}

// end ends the session at once with err.
func (s *session) end(err *wire.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handedOver {
		s.conversation.(*engine.LoopConversation).End(err)
		return
	}
	s.stop(err)
}

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
