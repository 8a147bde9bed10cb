package pool

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/auth"
	"postern/proxy/wire"
)

// Target is where a tenant's Postgres listens.
type Target struct {
	// Network and Address are as net.Dial takes them.
	Network, Address string
	// TLS is used if not nil; a server that refuses it is an error.
	TLS *tls.Config
	// Wrap, if not nil, returns what is used in place of the connection, before
	// anything is read from it or written.
	Wrap func(net.Conn) net.Conn
}

// Login is who a server connection is for.
type Login struct {
	Role     string
	Database string
	// Settings are the other startup parameters, application_name included.
	Settings map[string]string
	// Replication is the startup parameter of that name, "" for none.
	Replication string
	// Keys prove the role.
	Keys auth.LoginKeys
}

// Server is a server connection that is logged in and idle. Close ends it.
type Server struct {
	// Conn can be replaced by its user while the Server is lent, by a pointer to
	// what wraps the same socket; the pool closes what is here then, from any
	// goroutine.
	net.Conn
	// Parameters is what the server reported at login (ParameterStatus), and to
	// Ask and Recover since. Nobody else changes it, unless the user of the
	// connection does.
	Parameters map[string]string
	// Said is what the server told the client at login, ParameterStatus and
	// NoticeResponse, whole and in order; Notices are the latter alone.
	Said, Notices []byte
	// Early is what was read behind ReadyForQuery; its last message may be cut.
	Early []byte
	// Memory is what the user of the connection wants to keep with it from one
	// lend to the next, such as which prepared statements it has. The pool never
	// looks at it. It is nil after login.
	Memory any
	// Affinity is what TryAcquireAlike compares, of a comparable type; nil after
	// login. It belongs to the user of the connection, who sets it before Release.
	Affinity any
	// Watched says that its user will see by itself what arrives while the
	// connection is idle, and call Lease.Inspect then, so that the pool need not
	// look before each lend. Set it before Release. Deadlines are the watcher's
	// too.
	Watched bool

	target Target
	key    wire.CancelRequest // none if PID is 0: some gateways give no key
}

// PID is the backend's process id, 0 if it did not tell.
func (s *Server) PID() uint32 { return s.key.PID }

// Connect dials target and logs in. It obeys ctx all the way; a failure leaves
// nothing open. The caller owns the Server. What the server itself refuses is a
// *RefusedError.
func Connect(ctx context.Context, target Target, login Login) (*Server, error) {
	conn, err := dial(ctx, target)
	if err != nil {
		return nil, err
	}
	s := &Server{Conn: conn, target: target}
	if err := s.obey(ctx, func() error { return s.login(login) }); err != nil {
		conn.Close()
		return nil, fmt.Errorf("log in at the server: %w", err)
	}
	return s, nil
}

// obey talks to the server until ctx ends. The error is the cause of that then,
// and s can only be closed.
func (s *Server) obey(ctx context.Context, talk func() error) error {
	stop := context.AfterFunc(ctx, func() { s.SetDeadline(time.Unix(1, 0)) })
	err := talk()
	if !stop() { // the deadline is passed, or will be
		return context.Cause(ctx)
	}
	return err
}

// dial connects, and negotiates TLS if target asks for it.
func dial(ctx context.Context, target Target) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, target.Network, target.Address)
	if err != nil {
		return nil, &UnreachableError{err}
	}
	if target.Wrap != nil {
		conn = target.Wrap(conn)
	}
	if target.TLS == nil {
		return conn, nil
	}
	secure, err := startTLS(ctx, conn, target.TLS)
	if err != nil {
		conn.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("start TLS with the server: %w", err)
	}
	return secure, nil
}

func startTLS(ctx context.Context, conn net.Conn, config *tls.Config) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	request, err := (&pgproto3.SSLRequest{}).Encode(nil)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(request); err != nil {
		return nil, err
	}
	// One byte and no more: what a server sends behind it in the clear must not
	// be taken for decrypted (CVE-2021-23222).
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return nil, err
	}
	switch answer[0] {
	case 'S':
	case 'N':
		return nil, errors.New("the server does not offer TLS")
	default: // an error of a server that is overloaded, or very old; its text cannot be trusted (CVE-2024-10977)
		return nil, fmt.Errorf("the server answers %q to the request for TLS", answer[0])
	}
	secure := tls.Client(conn, config)
	return secure, secure.HandshakeContext(ctx)
}

// Cancel asks the server to cancel what s is executing, and waits until the
// server has taken note, by closing the connection that carried the request.
func (s *Server) Cancel(ctx context.Context) error {
	if s.key.PID == 0 {
		return nil
	}
	conn, err := dial(ctx, s.target)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := conn.Write(wire.AppendCancel(nil, s.key)); err != nil {
		return fmt.Errorf("send cancel request: %w", err)
	}
	_, err = conn.Read(make([]byte, 1))
	switch {
	case err == nil:
		return errors.New("the server answers a cancel request")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return nil
	}
	return fmt.Errorf("wait for the cancel request to be taken: %w", err)
}

// CloseWrite tells the server that nothing more will come, while its answers
// still can.
func (s *Server) CloseWrite() error {
	half, ok := s.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

// UnreachableError is a server that could not be dialled: not one byte was sent,
// so trying again is safe.
type UnreachableError struct{ Err error }

func (e *UnreachableError) Error() string { return "dial the server: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }
