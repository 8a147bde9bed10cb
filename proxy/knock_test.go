package proxy_test

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy"
)

// lines collects what is logged.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer // under mu
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Who only looks whether somebody is there is not worth a line in the log.
//
// Promises: A24, A26.
func TestA26KnocksAreNotLogged(t *testing.T) {
	t.Parallel()
	log := &lines{}
	b := newBackend(t, obedient(nil), nil)
	w := newScriptedWorld(t, b, func(c *proxy.Config) { c.Log = slog.New(slog.NewTextHandler(log, nil)) })
	request, _ := (&pgproto3.SSLRequest{}).Encode(nil)
	for name, knock := range map[string]func(*net.TCPConn){
		"close":      func(*net.TCPConn) {},
		"reset":      func(c *net.TCPConn) { c.SetLinger(0) },
		"SSLRequest": func(c *net.TCPConn) { c.Write(request); c.Read(make([]byte, 1)) },
		"in the handshake": func(c *net.TCPConn) {
			c.Write(request)
			c.Read(make([]byte, 1))
			c.SetLinger(0)
		},
		"behind the handshake": func(c *net.TCPConn) {
			c.Write(request)
			c.Read(make([]byte, 1))
			if err := tls.Client(c, w.authority.ClientConfig("acme.db.localhost")).Handshake(); err != nil {
				t.Error(err)
			}
		},
	} {
		conn, err := net.Dial("tcp", w.address)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		knock(conn.(*net.TCPConn))
		conn.Close()
	}
	w.server.Drain(t.Context())
	if text := log.String(); text != "" {
		t.Errorf("logged is\n%s", text)
	}
}
