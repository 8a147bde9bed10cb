package engine

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/proxy/pgtest"
	"postern/proxy/relay"
	"postern/proxy/wire"
)

// TestMain looks whether a conversation has left a goroutine behind.
func TestMain(m *testing.M) {
	code := m.Run()
	for deadline := time.Now().Add(10 * time.Second); code == 0; time.Sleep(10 * time.Millisecond) {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		if !bytes.Contains(stacks, []byte("engine.(*Conversation)")) && !bytes.Contains(stacks, []byte("Conversation).run")) {
			break
		}
		if time.Now().After(deadline) {
			os.Stderr.Write(stacks)
			code = 1
		}
	}
	os.Exit(code)
}

// host is a Host whose server is a scripted one.
type host struct {
	// attach, if set, answers in place of the server; so do the others.
	attach func(ctx context.Context) (Peer, error)
	try    func() (Peer, bool)
	// requests: Request can be used in place of Attach.
	requests bool
	// cancelRequest is of the last request.
	cancelRequest func() bool
	release       func(Peer, Return)
	park          func(peer Peer, early []byte) (Answer, bool, error)
	ask           func(peer Peer, sql string, early []byte) (Answer, error)
	cancel        func(Peer) error
	changed       func(relay.Effects)
	connect       func() Peer

	mu       sync.Mutex
	attached int      // under mu: how often a server was asked for
	canceled int      // under mu
	returned []Return // under mu: how server connections came back
}

func (h *host) Attach(ctx context.Context, _ relay.Settings) (Peer, error) {
	h.mu.Lock()
	h.attached++
	attach := h.attach
	h.mu.Unlock()
	if attach != nil {
		return attach(ctx)
	}
	return h.connect(), nil
}

func (h *host) TryAttach(relay.Settings) (Peer, bool) {
	h.mu.Lock()
	try := h.try
	h.mu.Unlock()
	if try != nil {
		return try()
	}
	return Peer{}, false
}

func (h *host) Release(peer Peer, returned Return) {
	h.mu.Lock()
	h.returned = append(h.returned, returned)
	h.mu.Unlock()
	if h.release != nil {
		h.release(peer, returned)
	}
}

func (h *host) Ask(_ context.Context, peer Peer, sql string, early []byte) (Answer, error) {
	if h.ask != nil {
		return h.ask(peer, sql, early)
	}
	return Answer{Asides: early}, nil
}

func (h *host) Request(want relay.Settings, waiter Waiter) bool {
	if !h.requests {
		return false
	}
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.Once
	go func() {
		peer, err := h.Attach(ctx, want)
		done := false
		served.Do(func() { done = true; waiter.Deliver(peer, err) })
		if !done && err == nil {
			h.Release(peer, Return{Status: 'I'})
		}
	}()
	h.cancelRequest = func() (canceled bool) {
		served.Do(func() { canceled = true })
		cancel()
		return canceled
	}
	return true
}

func (h *host) CancelRequest() bool { return h.cancelRequest() }

func (h *host) Park(_ context.Context, peer Peer, _ relay.Parting, early []byte) (Answer, bool, error) {
	if h.park != nil {
		return h.park(peer, early)
	}
	return Answer{Behind: early}, false, nil
}

func (h *host) Vacate([]string) {}

func (h *host) Cancel(_ context.Context, peer Peer) error {
	h.mu.Lock()
	h.canceled++
	h.mu.Unlock()
	if h.cancel != nil {
		return h.cancel(peer)
	}
	return nil
}

func (h *host) Changed(_ context.Context, effects relay.Effects) {
	if h.changed != nil {
		h.changed(effects)
	}
}

func (h *host) Explain(err *wire.Error) *wire.Error { return err }

func (h *host) asked() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.attached
}

// world is a conversation that runs, between a client that the test plays and a
// server with a script.
type world struct {
	conversation
	t      *testing.T
	host   *host
	client *pgtest.Client
	server *pgtest.Server
	ended  chan struct{}
	err    error // how it has ended, once ended is closed
}

// setup is what a test has otherwise than most.
type setup struct {
	// alone: the client has no server connection yet.
	alone bool
	// ahead is what was read from the server before.
	ahead []byte
	// tls: the client's connection is encrypted.
	tls bool
	// writeSize is how much the client writes at a time, 0 for all.
	writeSize int
	// conn, if set, prepares the conversation's connections.
	conn func(net.Conn)
	// pool: in transaction mode.
	pool *relay.Config
	// borrow: in session mode, and the server connection is given back.
	borrow bool
	// host may set the host's fields.
	host func(*host)
}

// conversation is what both engines' conversations are.
type conversation interface {
	Attach(Peer)
	Start(over func(error))
	End(*wire.Error)
	EndWhenIdle(*wire.Error)
	KeepOn()
	CancelWait(*wire.Error) bool
	Attached() bool
	Busy() bool
	Bytes() (in, out int64)
}

// engine makes conversations.
type engine struct {
	wrap func(net.Conn) net.Conn
	make func(net.Conn, Host, func(*relay.Session)) conversation
}

// starter starts a conversation; script is what the server does, once it is
// logged in.
type starter func(t *testing.T, s setup, script func(*pgtest.ServerConn)) *world

// eachEngine runs a test on all engines that there are here.
func eachEngine(t *testing.T, test func(*testing.T, starter)) {
	for name, new := range engines {
		t.Run(name, func(t *testing.T) {
			e := new(t)
			test(t, func(t *testing.T, s setup, script func(*pgtest.ServerConn)) *world {
				t.Helper()
				return start(t, e, s, script)
			})
		})
	}
}

func start(t *testing.T, e engine, s setup, script func(*pgtest.ServerConn)) *world {
	t.Helper()
	w := &world{t: t, host: &host{}, ended: make(chan struct{})}
	w.server = pgtest.Serve(t, script)
	w.host.connect = func() Peer {
		target := w.server.Target("", "")
		conn, err := net.Dial(target.Network, target.Address)
		if err != nil {
			t.Error(err)
			return Peer{}
		}
		if s.conn != nil {
			s.conn(conn)
		}
		conn = e.wrap(conn)
		t.Cleanup(func() { conn.Close() })
		peer := Peer{Conn: conn, Ahead: s.ahead}
		if s.pool != nil {
			peer.Server = new(relay.Server)
		}
		return peer
	}
	if s.host != nil {
		s.host(w.host)
	}
	ours, theirs := connection(t)
	if s.conn != nil {
		s.conn(ours)
	}
	ours = e.wrap(ours)
	t.Cleanup(func() { ours.Close() })
	w.client = pgtest.NewClient(t, theirs, pgtest.Target{WriteSize: s.writeSize})
	if s.tls {
		ours, w.client = encrypt(t, ours, theirs, pgtest.Target{WriteSize: s.writeSize})
	}
	w.conversation = e.make(ours, w.host, func(session *relay.Session) {
		switch {
		case s.pool != nil:
			session.Pool(s.pool, relay.Settings{})
		case s.borrow:
			session.Borrow()
		}
	})
	if !s.alone {
		w.Attach(w.host.connect())
	}
	w.Start(func(err error) {
		w.err = err
		ours.Close() // as the session does
		close(w.ended)
	})
	t.Cleanup(func() {
		w.End(errEnding)
		<-w.ended
	})
	return w
}

// connection is a TCP connection: the conversation's end and the client's.
func connection(t testing.TB) (ours, theirs net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	theirs, err = net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ours, err = listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { theirs.Close() })
	return ours, theirs
}

// encrypt shakes hands over a connection.
func encrypt(t testing.TB, ours, theirs net.Conn, target pgtest.Target) (net.Conn, *pgtest.Client) {
	t.Helper()
	authority := pgtest.NewAuthority(t)
	server := tls.Server(ours, &tls.Config{Certificates: []tls.Certificate{authority.Certificate(t, "localhost")}})
	shaken := make(chan error, 1)
	go func() { shaken <- server.Handshake() }()
	client := tls.Client(theirs, authority.ClientConfig("localhost"))
	if err := errors.Join(client.Handshake(), <-shaken); err != nil {
		t.Fatal(err)
	}
	return server, pgtest.NewClient(t, client, target)
}

// wait returns how the conversation has ended.
func (w *world) wait() error {
	w.t.Helper()
	select {
	case <-w.ended:
	case <-time.After(20 * time.Second):
		w.t.Fatal("the conversation goes on")
	}
	return w.err
}

// until waits for what another goroutine is about to do.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 2000 {
		if done() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("not so in the end: %s", what)
}

// fatal reads to the end of the connection and expects a FATAL with this code as
// the only error, and the last message.
func (w *world) fatal(code string) {
	w.t.Helper()
	said := w.client.ReadUntilClosed()
	errors := 0
	for _, m := range said {
		if m.Type == 'E' {
			errors++
		}
	}
	if errors != 1 || said[len(said)-1].Error().Code != code || said[len(said)-1].Error().Severity != "FATAL" {
		w.t.Fatalf("the client got\n%s\nwant FATAL %s at the end", strings.Join(pgtest.Lines(said), "\n"), code)
	}
}

// silent reads to the end of the connection and expects nothing.
func (w *world) silent() {
	w.t.Helper()
	if said := w.client.ReadUntilClosed(); len(said) > 0 {
		w.t.Fatalf("the client got %v", pgtest.Lines(said))
	}
}

// expect reads messages of these types.
func (w *world) expect(types string) {
	w.t.Helper()
	for i := range len(types) {
		if m := w.client.Read(); m.Type != types[i] {
			w.t.Fatalf("the client got %q in place of %q (the %d. of %q): %v", m.Type, types[i], i+1, types, w.client.Err())
		}
	}
}

// received are the types of what the server connections have got.
func (w *world) received() string {
	var types strings.Builder
	for _, c := range w.server.Connections() {
		for _, m := range c.Received() {
			types.WriteString(m + "\n")
		}
	}
	return types.String()
}
