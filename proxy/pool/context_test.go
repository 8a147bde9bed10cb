package pool

import (
	"context"
	"crypto/tls"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/auth"
	"postern/proxy/pgtest"
)

var errLeaving = errors.New("leaving")

// Whenever the context ends, the login ends with its cause and the connection is
// closed.
func TestConnectObeysContext(t *testing.T) {
	t.Parallel()
	keys := loginKeys(t, auth.NewVerifier("secret").String(), "secret")
	certificate := pgtest.NewAuthority(t).Certificate(t, "localhost")
	for name, test := range map[string]struct {
		tls    bool
		script func(c *pgtest.ServerConn)
	}{
		"before anything is said": {false, func(c *pgtest.ServerConn) { c.ReceiveStartup() }},
		"before TLS is answered":  {true, func(c *pgtest.ServerConn) { c.ReceiveStartup() }},
		"within the handshake":    {true, func(c *pgtest.ServerConn) { c.ReceiveStartup(); c.Raw([]byte("S")) }},
		"behind the handshake": {true, func(c *pgtest.ServerConn) {
			c.ReceiveStartup()
			c.Raw([]byte("S"))
			if err := tls.Server(c.Conn(), &tls.Config{Certificates: []tls.Certificate{certificate}}).Handshake(); err != nil {
				t.Error(err)
			}
		}},
		"within a message":     {false, func(c *pgtest.ServerConn) { c.ReceiveStartup(); c.Raw([]byte("R\x00\x00\x00\x08\x00")) }},
		"within SCRAM":         {false, func(c *pgtest.ServerConn) { scram(c, "r=NONCE") }},
		"before it is let in":  {false, func(c *pgtest.ServerConn) { c.ReceiveStartup(); c.Send(&pgproto3.NoticeResponse{Message: "wait"}) }},
		"before ReadyForQuery": {false, func(c *pgtest.ServerConn) { c.ReceiveStartup(); c.Send(&pgproto3.AuthenticationOk{}) }},
		"within ReadyForQuery": {false, func(c *pgtest.ServerConn) {
			c.ReceiveStartup()
			c.Raw([]byte("R\x00\x00\x00\x08\x00\x00\x00\x00Z\x00\x00\x00\x05"))
		}},
		"while the server talks": {false, func(c *pgtest.ServerConn) {
			c.ReceiveStartup()
			c.Send(&pgproto3.ParameterStatus{Name: "a", Value: "b"})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reached := make(chan struct{})
			server, end := closed(t, func(c *pgtest.ServerConn) {
				test.script(c)
				close(reached)
			})
			target := server.Target("app", "app")
			if test.tls {
				target.TLS = &tls.Config{InsecureSkipVerify: true}
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() {
				<-reached
				cancel(errLeaving)
			}()
			s, err := loginAt(ctx, target, Login{Keys: keys})
			if err == nil {
				s.Close()
			}
			if name == "within SCRAM" && err != nil && !errors.Is(err, errLeaving) {
				isClosed(t, end) // the server's message is malformed; that may be seen first
				return
			}
			if !errors.Is(err, errLeaving) {
				t.Errorf("error %v", err)
			}
			isClosed(t, end)
		})
	}
}

func TestConnectWithEndedContext(t *testing.T) {
	t.Parallel()
	server := pgtest.Serve(t, func(c *pgtest.ServerConn) { c.Drain() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := loginAt(ctx, server.Target("app", "app"), Login{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// The context of the login has no power over the connection later.
func TestContextEndsAfterLogin(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	s, err := loginAt(ctx, pg.Target("app", "app"), Login{Keys: loginKeys(t, rolePassword(t, pg, "app"), pgtest.Password)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	cancel()
	if got := row(t, ask(t, s, "select 1")); got != `DataRow "1"` {
		t.Error(got)
	}
}
