package pgtest

import (
	"crypto/tls"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// What a client makes of servers that do not behave.
func TestClientAtBadServers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		script func(*ServerConn)
		lines  string // what the transcript has to have in it
		err    error  // that it ends with, if there is a known one
	}{
		{"closes after the greeting", func(s *ServerConn) {
			s.Greet()
			s.Receive()
		}, "\nReadyForQuery I\n> Query \"select 1\"\nclosed", io.EOF},
		{"resets after the greeting", func(s *ServerConn) {
			s.Greet()
			s.Receive()
			s.Reset()
		}, "\nReadyForQuery I\n> Query \"select 1\"\nclosed", io.EOF},
		{"closes inside a header", func(s *ServerConn) {
			s.Greet()
			s.Receive()
			s.Raw([]byte{'D', 0, 0})
		}, `(cannot go on: read header of message 'D'`, errTorn},
		{"closes inside a message", func(s *ServerConn) {
			s.Greet()
			s.Receive()
			s.Raw([]byte{'D', 0, 0, 0, 12, 1})
		}, `(cannot go on: read message 'D'`, errTorn},
		{"sends garbage", func(s *ServerConn) {
			s.Greet()
			s.Receive()
			s.Raw([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		}, `(cannot go on: message 'H' says that it is`, nil},
		{"stalls", func(s *ServerConn) {
			s.Greet()
			s.Stall()
		}, "(gives up waiting)", os.ErrDeadlineExceeded},
		{"asks for a password that nobody knows", func(s *ServerConn) {
			s.ReceiveStartup()
			s.Send(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"OAUTHBEARER"}})
			s.Drain()
		}, "AuthenticationSASL", nil},
		{"signs wrongly", func(s *ServerConn) {
			s.ReceiveStartup()
			s.Send(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256"}})
			first := s.Receive().(*pgproto3.SASLInitialResponse)
			_, nonce, _ := strings.Cut(string(first.Data), "r=")
			s.Send(&pgproto3.AuthenticationSASLContinue{Data: []byte("r=" + nonce + "more,s=c2FsdA==,i=4096")})
			s.Receive()
			s.Send(&pgproto3.AuthenticationSASLFinal{Data: []byte("v=d3Jvbmc=")})
			s.Drain()
		}, "> SASLResponse\nAuthenticationSASLFinal <signature>", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			target := Serve(t, test.script).Target("app", "app")
			target.Timeout = time.Second
			c := Dial(t, target)
			c.Startup()
			if c.Err() == nil {
				c.Query("select 1")
				c.ReadUntilReady()
			}
			if lines := strings.Join(render(c.Recorded()), "\n"); !strings.Contains(lines, test.lines) {
				t.Errorf("transcript lacks %q:\n%s", test.lines, lines)
			}
			if c.Err() == nil || test.err != nil && !errors.Is(c.Err(), test.err) {
				t.Errorf("error %v, want %v", c.Err(), test.err)
			}
		})
	}
}

func TestServerSeesWhatClientSends(t *testing.T) {
	t.Parallel()
	server := Serve(t, func(s *ServerConn) {
		s.Greet(&pgproto3.ParameterStatus{Name: "pgtest", Value: "yes"})
		for s.ReceiveUntil(&pgproto3.Query{}, &pgproto3.Sync{}) != nil {
			s.Send(&pgproto3.EmptyQueryResponse{}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
		}
	})
	target := server.Target("app", "db").With("application_name", "x")
	target.WriteSize = 1
	c := Connect(t, target)
	c.Query("select 1")
	c.Expect("EmptyQueryResponse", "ReadyForQuery I")
	c.Parse("s", "select $1", 23)
	c.Bind("p", "s", "1")
	c.Sync()
	c.ReadUntilReady()
	c.Close()
	connections := server.Connections()
	if len(connections) != 1 {
		t.Fatalf("%d connections, want 1", len(connections))
	}
	want := []string{"StartupMessage", `Query "select 1"`, `Parse "s" "select $1" [23]`, `Bind "p" to "s" [] ("1") []`, "Sync"}
	if d := Diff(want, connections[0].Received()); d != "" {
		t.Error(d)
	}
}

func TestTLSRefused(t *testing.T) {
	t.Parallel()
	server := Serve(t, func(s *ServerConn) { s.Greet() })
	target := server.Target("app", "app")
	c := Dial(t, target)
	c.target.TLS = &tls.Config{}
	if err := c.StartTLS(); err == nil || !strings.Contains(err.Error(), `'N'`) {
		t.Errorf("StartTLS where there is none: %v", err)
	}
}
