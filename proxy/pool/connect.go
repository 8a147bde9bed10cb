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
	net.Conn
	// Parameters is what the server reported at login (ParameterStatus).
	Parameters map[string]string
	// Said is what the server told the client at login, ParameterStatus and
	// NoticeResponse, whole and in order; Notices are the latter alone.
	Said, Notices []byte
	// Early is what was read behind ReadyForQuery; its last message may be cut.
	Early []byte

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
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	s := &Server{Conn: conn, Parameters: make(map[string]string), target: target}
	err = s.login(login)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("log in at the server: %w", err)
	}
	return s, nil
}

// dial connects, and negotiates TLS if target asks for it.
func dial(ctx context.Context, target Target) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, target.Network, target.Address)
	if err != nil {
		return nil, &UnreachableError{err}
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
