package pool

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/pgtest"
)

// A statement that runs is canceled, over whichever way the server is reached.
// Promises: E94.
func TestE94Cancel(t *testing.T) {
	t.Parallel()
	pgtest.EachVersion(t, func(t *testing.T, major int) {
		pg := pgtest.Start(t, pgtest.Config{Major: major, TLS: true})
		keys := loginKeys(t, rolePassword(t, pg, "app"), pgtest.Password)
		for name, target := range map[string]pgtest.Target{
			"TCP": pg.Target("app", "app"), "socket": pg.SocketTarget("app", "app"), "TLS": pg.TLSTarget("app", "app"),
		} {
			s, err := loginAt(t.Context(), target, Login{Keys: keys})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Cancel(t.Context()); err != nil {
				t.Errorf("%s: while idle: %v", name, err)
			}
			c := pgtest.NewClient(t, s.Conn, pgtest.Target{})
			c.Query("select pg_sleep(60)")
			c.Write()
			for pg.Exec(t, "select count(*) from pg_stat_activity where wait_event = 'PgSleep'") != "1" {
			}
			if err := s.Cancel(t.Context()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			answer := strings.Join(pgtest.Lines(c.ReadUntilReady()), "\n")
			if !strings.Contains(answer, `C="57014"`) || !strings.HasSuffix(answer, "ReadyForQuery I") {
				t.Errorf("%s: the statement was answered with\n%s", name, answer)
			}
		}
	})
}

// A login that gets a key, on a server whose further connections do something.
func cancelable(t *testing.T, script func(*pgtest.ServerConn)) *Server {
	t.Helper()
	first := make(chan struct{}, 1)
	first <- struct{}{}
	server := pgtest.Serve(t, func(c *pgtest.ServerConn) {
		select {
		case <-first:
			c.Greet()
			c.Drain()
		default:
			script(c)
		}
	})
	s, err := loginAt(t.Context(), server.Target("app", "app"), Login{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Promises: E93.
func TestE93CancelRequest(t *testing.T) {
	t.Parallel()
	got := make(chan *pgproto3.CancelRequest, 1)
	s := cancelable(t, func(c *pgtest.ServerConn) {
		m, _ := c.ReceiveStartup().(*pgproto3.CancelRequest)
		got <- m
	})
	if err := s.Cancel(t.Context()); err != nil {
		t.Error(err)
	}
	if m := <-got; m == nil || m.ProcessID != 4711 || string(m.SecretKey) != "\x01\x02\x03\x04" {
		t.Errorf("the server got %+v", m)
	}
}

// However the server closes, it has closed.
// Promises: E93.
func TestE93CancelEndsRudely(t *testing.T) {
	t.Parallel()
	s := cancelable(t, func(c *pgtest.ServerConn) { c.ReceiveStartup(); c.Reset() })
	if err := s.Cancel(t.Context()); err != nil {
		t.Errorf("reset: %v", err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pgtest.NewAuthority(t).Certificate(t, "localhost")}}
	s = cancelable(t, func(c *pgtest.ServerConn) {
		c.ReceiveStartup()
		c.Raw([]byte("S"))
		secure := tls.Server(c.Conn(), config)
		if _, err := io.ReadFull(secure, make([]byte, 16)); err != nil {
			t.Error(err)
		}
	})
	s.target.TLS = &tls.Config{InsecureSkipVerify: true}
	if err := s.Cancel(t.Context()); err != nil {
		t.Errorf("TLS without a goodbye: %v", err)
	}
}

// The caller waits for the server to close, and no longer than it wants to.
// Promises: E91.
func TestE91CancelObeysContext(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]func(*pgtest.ServerConn){
		"never closes": func(c *pgtest.ServerConn) { c.ReceiveStartup(); c.Stall() },
		"never reads":  func(c *pgtest.ServerConn) { c.Stall() },
		"talks": func(c *pgtest.ServerConn) {
			for c.Err() == nil {
				c.Raw([]byte("N\x00\x00\x00\x05\x00"))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := cancelable(t, script)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			err := s.Cancel(ctx)
			if err == nil || strings.Contains(err.Error(), "%!") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestCancelOfClosedServer(t *testing.T) {
	t.Parallel()
	listening := pgtest.Serve(t, func(c *pgtest.ServerConn) { c.Greet(); c.Drain() })
	s, err := loginAt(t.Context(), listening.Target("app", "app"), Login{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.target.Address = "127.0.0.1:1" // where nobody listens
	var unreachable *UnreachableError
	if err := s.Cancel(t.Context()); !errors.As(err, &unreachable) {
		t.Error(err)
	}
}
