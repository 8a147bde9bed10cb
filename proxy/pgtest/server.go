package pgtest

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Server is a server that does what a test tells it to, right or wrong.
type Server struct {
	t        testing.TB
	listener net.Listener
	script   func(*ServerConn)
	running  sync.WaitGroup
	ended    chan struct{}

	mu    sync.Mutex
	conns []*ServerConn // in the order in which they came
}

// Serve listens on 127.0.0.1 until the test ends. The script is called for each
// connection, in a goroutine of its own; when it returns, the connection is
// closed.
func Serve(t testing.TB, script func(*ServerConn)) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("serve: %v", err)
	}
	return ServeListener(t, listener, script)
}

// ServeListener is Serve on a listener of the caller's, a Unix socket perhaps,
// which it closes.
func ServeListener(t testing.TB, listener net.Listener, script func(*ServerConn)) *Server {
	s := &Server{t: t, listener: listener, script: script, ended: make(chan struct{})}
	s.running.Go(s.accept)
	t.Cleanup(s.end)
	return s
}

// Target is the server for a client.
func (s *Server) Target(user, database string) Target {
	addr := s.listener.Addr()
	return Target{Network: addr.Network(), Address: addr.String(), User: user, Database: database, Password: Password}
}

// Connections are those that came so far.
func (s *Server) Connections() []*ServerConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.conns)
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		c := &ServerConn{t: s.t, conn: conn, backend: pgproto3.NewBackend(conn, conn), ended: s.ended}
		s.mu.Lock()
		s.conns = append(s.conns, c)
		select {
		case <-s.ended: // it came too late for end to close it
			conn.Close()
		default:
		}
		s.mu.Unlock()
		s.running.Go(func() {
			defer conn.Close()
			s.script(c)
		})
	}
}

func (s *Server) end() {
	s.listener.Close()
	s.mu.Lock()
	close(s.ended)
	for _, c := range s.conns {
		c.conn.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}

// ServerConn is one connection of a Server. Its calls write at once. As with a
// Client, errors stick: calls after the first one do nothing.
type ServerConn struct {
	t       testing.TB
	conn    net.Conn
	backend *pgproto3.Backend
	ended   chan struct{}
	err     error

	mu       sync.Mutex
	received []string // renderings of what the client has sent
}

// Conn is the connection.
func (c *ServerConn) Conn() net.Conn { return c.conn }

// Err is the first error: io.EOF or io.ErrUnexpectedEOF if the client is gone.
// Only the script may ask.
func (c *ServerConn) Err() error { return c.err }

// Received lists what the client has sent, as a transcript shows it.
func (c *ServerConn) Received() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.received)
}

// ReceiveStartup reads a startup message, SSLRequest, GSSENCRequest or
// CancelRequest; nil at the connection's end.
func (c *ServerConn) ReceiveStartup() pgproto3.FrontendMessage {
	return c.receive(c.backend.ReceiveStartupMessage)
}

// Receive reads a message; nil at the connection's end. It is valid until the
// next one is read.
func (c *ServerConn) Receive() pgproto3.FrontendMessage { return c.receive(c.backend.Receive) }

func (c *ServerConn) receive(read func() (pgproto3.FrontendMessage, error)) pgproto3.FrontendMessage {
	if c.err != nil {
		return nil
	}
	m, err := read()
	if err != nil {
		c.err = fmt.Errorf("receive: %w", err)
		return nil
	}
	c.mu.Lock()
	c.received = append(c.received, request(m))
	c.mu.Unlock()
	return m
}

// ReceiveUntil reads until a message of the same type as one of these, or the
// connection's end, and returns the last one.
func (c *ServerConn) ReceiveUntil(types ...pgproto3.FrontendMessage) pgproto3.FrontendMessage {
	for {
		m := c.Receive()
		if m == nil || slices.ContainsFunc(types, func(wanted pgproto3.FrontendMessage) bool {
			return fmt.Sprintf("%T", wanted) == fmt.Sprintf("%T", m)
		}) {
			return m
		}
	}
}

// Send sends messages.
func (c *ServerConn) Send(messages ...pgproto3.BackendMessage) {
	for _, m := range messages {
		switch m.(type) { // what the client's next message means
		case *pgproto3.AuthenticationCleartextPassword:
			_ = c.backend.SetAuthType(pgproto3.AuthTypeCleartextPassword)
		case *pgproto3.AuthenticationSASL:
			_ = c.backend.SetAuthType(pgproto3.AuthTypeSASL)
		case *pgproto3.AuthenticationSASLContinue:
			_ = c.backend.SetAuthType(pgproto3.AuthTypeSASLContinue)
		}
		b, err := m.Encode(nil)
		if err != nil {
			c.t.Errorf("encode %T: %v", m, err)
		}
		c.Raw(b)
	}
}

// Raw sends bytes as they are.
func (c *ServerConn) Raw(b []byte) {
	if c.err != nil {
		return
	}
	if _, err := c.conn.Write(b); err != nil {
		c.err = fmt.Errorf("send: %w", err)
	}
}

// Greet refuses encryption, takes any startup message without a password, and
// says that it is ready, with these parameters besides server_version.
func (c *ServerConn) Greet(parameters ...*pgproto3.ParameterStatus) {
	for {
		switch m := c.ReceiveStartup().(type) {
		case *pgproto3.SSLRequest, *pgproto3.GSSEncRequest:
			c.Raw([]byte{'N'})
		case *pgproto3.StartupMessage:
			c.Send(&pgproto3.AuthenticationOk{}, &pgproto3.ParameterStatus{Name: "server_version", Value: "18.0 (pgtest)"})
			for _, p := range parameters {
				c.Send(p)
			}
			c.Send(&pgproto3.BackendKeyData{ProcessID: 4711, SecretKey: []byte{1, 2, 3, 4}}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
			return
		default:
			if m != nil {
				c.t.Errorf("the scripted server got %T where it expects a startup message", m)
			}
			return
		}
	}
}

// Stall neither reads nor writes until the test ends.
func (c *ServerConn) Stall() { <-c.ended }

// Drain reads and ignores whatever comes until the client is gone.
func (c *ServerConn) Drain() {
	for c.Receive() != nil {
	}
}

// Reset ends the connection with a TCP reset.
func (c *ServerConn) Reset() {
	if tcp, ok := c.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.conn.Close()
}

// SetTimeout bounds how long the script's reads and writes take from now on.
func (c *ServerConn) SetTimeout(d time.Duration) { _ = c.conn.SetDeadline(time.Now().Add(d)) }
