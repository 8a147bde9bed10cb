package pool

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/auth"
	"postern/proxy/pgtest"
)

// closed is a script that also reports the connection's end.
func closed(t *testing.T, script func(*pgtest.ServerConn)) (*pgtest.Server, chan struct{}) {
	end := make(chan struct{}, 1)
	return pgtest.Serve(t, func(c *pgtest.ServerConn) {
		script(c)
		c.SetTimeout(20 * time.Second)
		b := make([]byte, 4096)
		for {
			if _, err := c.Conn().Read(b); err != nil {
				break
			}
		}
		end <- struct{}{}
	}), end
}

// isClosed checks that the server has seen the connection end.
func isClosed(t *testing.T, end chan struct{}) {
	t.Helper()
	select {
	case <-end:
	case <-time.After(10 * time.Second):
		t.Error("the connection is open still")
	}
}

// scram begins a SCRAM exchange and answers the client's first message with
// first, in which NONCE stands for the client's.
func scram(c *pgtest.ServerConn, first string) {
	c.ReceiveStartup()
	c.Send(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"}})
	initial, ok := c.Receive().(*pgproto3.SASLInitialResponse)
	if !ok {
		return
	}
	_, nonce, _ := strings.Cut(string(initial.Data), "r=")
	c.Send(&pgproto3.AuthenticationSASLContinue{Data: []byte(strings.ReplaceAll(first, "NONCE", nonce))})
}

// A server that lies, raves or is no PostgreSQL fails the login, soon, and
// without much memory.
// Promises: B35, CVE-2026-6665.
func TestB35BrokenServer(t *testing.T) {
	t.Parallel()
	keys := loginKeys(t, auth.NewVerifier("secret").String(), "secret")
	salt := base64.StdEncoding.EncodeToString(keys.Verifier.Salt)
	honest := fmt.Sprintf("r=NONCEmore,s=%s,i=%d", salt, keys.Verifier.Iterations)
	for name, script := range map[string]func(*pgtest.ServerConn){
		"closes at once":          func(c *pgtest.ServerConn) { c.Conn().Close() },
		"closes after startup":    func(c *pgtest.ServerConn) { c.ReceiveStartup(); c.Conn().Close() },
		"resets":                  func(c *pgtest.ServerConn) { c.ReceiveStartup(); c.Reset() },
		"is a web server":         func(c *pgtest.ServerConn) { c.Raw([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) },
		"says a length of 3":      func(c *pgtest.ServerConn) { c.Raw([]byte("R\x00\x00\x00\x03")) },
		"says a negative length":  func(c *pgtest.ServerConn) { c.Raw([]byte("R\xff\xff\xff\xff")) },
		"says a length of 1 GB":   func(c *pgtest.ServerConn) { c.Raw([]byte("N\x3f\xff\xff\xff")) },
		"says a length of 100 KB": func(c *pgtest.ServerConn) { c.Raw([]byte("N\x00\x01\x86\xa0")) },
		"talks without end": func(c *pgtest.ServerConn) {
			for c.Err() == nil {
				c.Send(&pgproto3.NoticeResponse{Message: "and"})
			}
		},
		"reports parameters without end": func(c *pgtest.ServerConn) {
			for i := 0; c.Err() == nil; i++ {
				c.Send(&pgproto3.ParameterStatus{Name: fmt.Sprint(i), Value: strings.Repeat("x", 1000)})
			}
		},
		"sends a row":                   func(c *pgtest.ServerConn) { c.Send(&pgproto3.DataRow{}) },
		"sends an unknown type":         func(c *pgtest.ServerConn) { c.Raw([]byte("\x00\x00\x00\x00\x04")) },
		"sends an empty authentication": func(c *pgtest.ServerConn) { c.Raw([]byte("R\x00\x00\x00\x04")) },
		"sends an unknown one":          func(c *pgtest.ServerConn) { c.Raw([]byte("R\x00\x00\x00\x08\x00\x00\x00\x63")) },
		"sends an empty key":            func(c *pgtest.ServerConn) { c.Raw([]byte("K\x00\x00\x00\x04")) },
		"sends a key without secret":    func(c *pgtest.ServerConn) { c.Raw([]byte("K\x00\x00\x00\x08\x00\x00\x00\x01")) },
		"sends a key beyond measure": func(c *pgtest.ServerConn) {
			c.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: bytes.Repeat([]byte{1}, 257)})
		},
		"sends half a parameter": func(c *pgtest.ServerConn) { c.Raw([]byte("S\x00\x00\x00\x06ab")) },
		"sends an empty error":   func(c *pgtest.ServerConn) { c.Raw([]byte("E\x00\x00\x00\x04")) },
		"sends a torn error":     func(c *pgtest.ServerConn) { c.Raw([]byte("E\x00\x00\x00\x08Mabc")) },
		"wants the password":     func(c *pgtest.ServerConn) { c.ReceiveStartup(); c.Send(&pgproto3.AuthenticationCleartextPassword{}) },
		"wants MD5":              func(c *pgtest.ServerConn) { c.ReceiveStartup(); c.Send(&pgproto3.AuthenticationMD5Password{}) },
		"offers nothing":         func(c *pgtest.ServerConn) { c.Raw([]byte("R\x00\x00\x00\x09\x00\x00\x00\x0a\x00")) },
		"offers another":         func(c *pgtest.ServerConn) { c.Send(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"PLAIN"}}) },
		"begins in the middle":   func(c *pgtest.ServerConn) { c.Send(&pgproto3.AuthenticationSASLContinue{Data: []byte(honest)}) },
		"begins at the end":      func(c *pgtest.ServerConn) { c.Send(&pgproto3.AuthenticationSASLFinal{Data: []byte("v=AAAA")}) },
		"2^31 iterations":        func(c *pgtest.ServerConn) { scram(c, "r=NONCEmore,s="+salt+",i=2147483648") },
		"2^31 - 1 iterations":    func(c *pgtest.ServerConn) { scram(c, "r=NONCEmore,s="+salt+",i=2147483647") },
		"2^64 iterations":        func(c *pgtest.ServerConn) { scram(c, "r=NONCEmore,s="+salt+",i=18446744073709551616") },
		"no iterations":          func(c *pgtest.ServerConn) { scram(c, "r=NONCEmore,s="+salt+",i=0") },
		"a nonce of 50 KB": func(c *pgtest.ServerConn) {
			scram(c, "r=NONCE"+strings.Repeat("x", 50_000)+",s="+salt+",i=4096")
		},
		"a nonce of its own": func(c *pgtest.ServerConn) { scram(c, "r=mine,s="+salt+",i=4096") },
		"no first message":   func(c *pgtest.ServerConn) { scram(c, "") },
		"wrong signature": func(c *pgtest.ServerConn) {
			scram(c, honest)
			c.Receive()
			c.Send(&pgproto3.AuthenticationSASLFinal{Data: []byte("v=AAAA")})
		},
		"refuses within SCRAM": func(c *pgtest.ServerConn) {
			scram(c, honest)
			c.Receive()
			c.Send(&pgproto3.AuthenticationSASLFinal{Data: []byte("e=other-error")})
		},
		"lets in without a proof": func(c *pgtest.ServerConn) {
			scram(c, honest)
			c.Send(&pgproto3.AuthenticationOk{}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
		},
		"signs nothing": func(c *pgtest.ServerConn) {
			scram(c, honest)
			c.Receive()
			c.Send(&pgproto3.AuthenticationOk{}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
		},
		"offers SCRAM and drops it": func(c *pgtest.ServerConn) {
			c.ReceiveStartup()
			c.Send(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256"}}, &pgproto3.AuthenticationOk{}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
		},
		"is ready before it lets in": func(c *pgtest.ServerConn) { c.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, end := closed(t, script)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			s, err := loginAt(ctx, server.Target("app", "app"), Login{Keys: keys})
			if err == nil {
				s.Close()
				t.Fatal("logged in")
			}
			if ctx.Err() != nil {
				t.Errorf("it took the whole time: %v", err)
			}
			var refused *RefusedError
			if errors.As(err, &refused) {
				t.Errorf("taken for a refusal: %v", err)
			}
			if text := err.Error(); len(text) > 500 || strings.Contains(text, "%!") {
				t.Errorf("error %q", text)
			}
			if !strings.Contains(name, "close") && !strings.Contains(name, "reset") {
				isClosed(t, end)
			}
		})
	}
}

// What is unusual and not wrong must not keep anybody out.
// Promises: A12, A22.
func TestA22UnusualServer(t *testing.T) {
	t.Parallel()
	ready := &pgproto3.ReadyForQuery{TxStatus: 'I'}
	long := bytes.Repeat([]byte{7}, 256)
	for name, test := range map[string]struct {
		messages []pgproto3.BackendMessage
		pid      uint32
	}{
		"no key":            {[]pgproto3.BackendMessage{&pgproto3.AuthenticationOk{}, ready}, 0},
		"a long key":        {[]pgproto3.BackendMessage{&pgproto3.AuthenticationOk{}, &pgproto3.BackendKeyData{ProcessID: 5, SecretKey: long}, ready}, 5},
		"negotiates":        {[]pgproto3.BackendMessage{&pgproto3.NegotiateProtocolVersion{NewestMinorProtocol: 3 << 16, UnrecognizedOptions: []string{"_pq_.x"}}, &pgproto3.AuthenticationOk{}, ready}, 0},
		"an empty name":     {[]pgproto3.BackendMessage{&pgproto3.AuthenticationOk{}, &pgproto3.ParameterStatus{}, ready}, 0},
		"notice, then auth": {[]pgproto3.BackendMessage{&pgproto3.NoticeResponse{Message: "x"}, &pgproto3.AuthenticationOk{}, ready}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := pgtest.Serve(t, func(c *pgtest.ServerConn) {
				c.ReceiveStartup()
				c.Send(test.messages...)
				c.Drain()
			})
			s, err := loginAt(t.Context(), server.Target("app", "app"), Login{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if s.PID() != test.pid {
				t.Errorf("pid %d", s.PID())
			}
			if test.pid == 0 {
				if err := s.Cancel(t.Context()); err != nil || len(server.Connections()) != 1 {
					t.Errorf("a cancel without a key: %v, %d connections", err, len(server.Connections()))
				}
			}
		})
	}
}

// CVE-2026-6666: an error without an SQLSTATE is an error all the same.
// Promises: B35, CVE-2026-6666.
func TestB35RefusedWithoutCode(t *testing.T) {
	t.Parallel()
	message := []byte("E\x00\x00\x00\x13SFATAL\x00Mbecause\x00\x00")
	message[4] = byte(len(message) - 1)
	server, end := closed(t, func(c *pgtest.ServerConn) { c.ReceiveStartup(); c.Raw(message) })
	_, err := loginAt(t.Context(), server.Target("app", "app"), Login{})
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Code != "" || !bytes.Equal(refused.Message, message) || refused.SafeToRetry() {
		t.Errorf("%v", err)
	}
	isClosed(t, end)
}

// Without TLS nothing is sent to a server that does not offer it, whatever it
// answers; and what it says in the clear behind its answer is not believed.
// Promises: A2, A3, CVE-2021-43767.
func TestA2A3NoTLS(t *testing.T) {
	t.Parallel()
	login := "R\x00\x00\x00\x08\x00\x00\x00\x00Z\x00\x00\x00\x05I"
	for name, answer := range map[string]string{
		"no":                        "N",
		"an error":                  "ESFATAL\x00C53300\x00Msorry\x00\x00",
		"an error of version 2":     "Esorry, too many clients already\n\x00",
		"nonsense":                  "HTTP/1.1 400 Bad Request\r\n\r\n",
		"no, and a login":           "N" + login,
		"plaintext behind its S":    "S" + login,
		"an error behind its S":     "SE\x00\x00\x00\x08M1\x00\x00",
		"its end":                   "",
		"its end behind the answer": "S",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, end := closed(t, func(c *pgtest.ServerConn) {
				c.ReceiveStartup()
				c.Raw([]byte(answer))
				if strings.Contains(name, "its end") {
					c.Conn().Close()
				}
			})
			target := server.Target("app", "app")
			target.TLS = &tls.Config{InsecureSkipVerify: true}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			s, err := loginAt(ctx, target, Login{})
			if err == nil {
				s.Close()
				t.Fatal("logged in")
			}
			var refused *RefusedError
			var unreachable *UnreachableError
			if errors.As(err, &refused) || errors.As(err, &unreachable) || ctx.Err() != nil {
				t.Error(err)
			}
			if !strings.Contains(name, "its end") {
				isClosed(t, end)
			}
			for _, m := range server.Connections()[0].Received() {
				if !strings.HasPrefix(m, "SSLRequest") {
					t.Errorf("it was sent %s", m)
				}
			}
		})
	}
}
