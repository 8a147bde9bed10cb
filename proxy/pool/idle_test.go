package pool

import (
	"crypto/tls"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/pgtest"
	"postern/proxy/wire"
)

func encode(t *testing.T, messages ...pgproto3.BackendMessage) []byte {
	t.Helper()
	var b []byte
	for _, m := range messages {
		var err error
		if b, err = m.Encode(b); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// What arrives on an idle server connection, and whether it is lent then.
// Promises: F106.
func TestIdleConnectionIsLookedAt(t *testing.T) {
	status := encode(t, &pgproto3.ParameterStatus{Name: "TimeZone", Value: "UTC"})
	notice := encode(t, &pgproto3.NoticeResponse{Severity: "WARNING", Code: "01000", Message: "careful"})
	fatal := encode(t, &pgproto3.ErrorResponse{Severity: "FATAL", Code: "57P05", Message: "idle for too long"})
	for _, test := range []struct {
		name    string
		arrives []byte
		closes  bool
		lent    bool
	}{
		{name: "nothing", lent: true},
		{name: "setting", arrives: status, lent: true},
		{name: "notice and setting", arrives: slices.Concat(notice, status), lent: true},
		{name: "end", closes: true},
		{name: "setting and end", arrives: status, closes: true},
		{name: "FATAL and end", arrives: fatal, closes: true},
		{name: "FATAL", arrives: fatal},
		{name: "setting and FATAL", arrives: slices.Concat(status, fatal)},
		{name: "notification", arrives: encode(t, &pgproto3.NotificationResponse{PID: 1, Channel: "c"})},
		{name: "answer", arrives: encode(t, &pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})},
		{name: "ReadyForQuery", arrives: encode(t, &pgproto3.ReadyForQuery{TxStatus: 'I'})},
		{name: "part of a setting", arrives: status[:len(status)-1]},
		{name: "part of a head", arrives: status[:3]},
		{name: "no message", arrives: []byte{wire.MsgNoticeResponse, 0, 0, 0, 0}},
		{name: "too much", arrives: slices.Concat(notice, encode(t, &pgproto3.NoticeResponse{Message: strings.Repeat("x", maxAside)}))},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, Config{}, func(f *fixture) {
				lease := f.lend(testKey)
				server := lease.Server
				lease.Release(true)
				if _, err := f.far(server).Write(test.arrives); err != nil {
					t.Fatal(err)
				}
				if test.closes {
					f.hangUp(server)
				}
				lease = f.lend(testKey)
				defer lease.Release(true)
				if lent := lease.Server == server; lent != test.lent {
					t.Fatalf("it is lent: %v, want %v", lent, test.lent)
				}
				if test.lent && string(lease.Early) != string(test.arrives) {
					t.Errorf("Early is %q, want %q", lease.Early, test.arrives)
				}
				if f.made() == 1 != test.lent {
					t.Errorf("%d server connections made", f.made())
				}
			})
		})
	}
}

// All idle server connections of a server that has gone are found out at once.
// Promises: F106, F108.
func TestDeadServer(t *testing.T) {
	bubble(t, Config{Size: 5}, func(f *fixture) {
		leases := make([]*Lease, 5)
		for i := range leases {
			leases[i] = f.lend(testKey)
		}
		for _, lease := range leases {
			f.hangUp(lease.Server)
			lease.Release(true)
		}
		f.expect(5, 0, 0, 0)
		lease := f.lend(testKey)
		if f.made() != 6 {
			t.Errorf("%d made, want 6", f.made())
		}
		f.expect(0, 1, 0, 0)
		lease.Release(true)
	})
}

// What was read behind the login stays with a connection that was idle before
// its first use, and what comes then goes behind it.
func TestEarlyOfUnused(t *testing.T) {
	status := encode(t, &pgproto3.ParameterStatus{Name: "TimeZone", Value: "UTC"})
	bubble(t, Config{}, func(f *fixture) {
		lease := f.lend(testKey)
		c := f.askSlowly(testKey)
		lease.Release(true)
		lease = c.has(nil)
		c.finish(nil) // nobody waits for it
		f.expect(1, 1, 0, 0)
		unused := f.servers[1]
		unused.Early = status[:7:7]
		if _, err := f.far(unused).Write(status[7:]); err != nil {
			t.Fatal(err)
		}
		other := f.lend(testKey)
		if other.Server != unused || string(other.Early) != string(status) {
			t.Errorf("Early is %q", other.Early)
		}
		other.Release(true)
		lease.Release(true)
	})
}

// Over TLS it is lent if nothing has arrived at all.
// Promises: F106.
func TestIdleTLSConnectionIsLookedAt(t *testing.T) {
	t.Parallel()
	authority := pgtest.NewAuthority(t)
	certificate := authority.Certificate(t, "localhost")
	notice := encode(t, &pgproto3.NoticeResponse{Severity: "WARNING", Message: "careful"})
	for _, test := range []struct {
		name string
		do   func(t *testing.T, server *Server, far *tls.Conn)
		lent bool
	}{
		{"nothing", func(*testing.T, *Server, *tls.Conn) {}, true},
		{"notice", func(t *testing.T, _ *Server, far *tls.Conn) {
			if _, err := far.Write(notice); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"notice that is half read", func(t *testing.T, server *Server, far *tls.Conn) {
			if _, err := far.Write(notice); err != nil {
				t.Fatal(err)
			}
			if _, err := server.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"goodbye", func(t *testing.T, _ *Server, far *tls.Conn) { far.Close() }, false},
		{"end", func(t *testing.T, _ *Server, far *tls.Conn) { far.NetConn().(*net.UnixConn).CloseWrite() }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			near, far := secured(t, newPeers(t), certificate, authority)
			p := (&Group{config: Config{}.withDefaults()})
			c := newConnection(&pool{group: p}, near, 0, epoch)
			test.do(t, near, far)
			if err := c.look(); (err == nil) != test.lent {
				t.Fatalf("it can be lent: %v, want %v (%v)", err == nil, test.lent, err)
			}
			if !test.lent {
				return
			}
			if _, err := far.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			if _, err := near.Read(make([]byte, 1)); err != nil {
				t.Errorf("it cannot be used: %v", err)
			}
		})
	}
}

// secured is a server connection with TLS and its other end, both ready.
func secured(t *testing.T, p *peers, certificate tls.Certificate, authority *pgtest.Authority) (*Server, *tls.Conn) {
	server, err := p.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	far := tls.Server(p.far(server), &tls.Config{Certificates: []tls.Certificate{certificate}})
	near := tls.Client(server.Conn, authority.ClientConfig("localhost"))
	shaken := make(chan error, 1)
	go func() {
		// A byte behind the handshake, so that near has read the tickets too.
		_, err := far.Write([]byte("x"))
		shaken <- err
	}()
	if _, err := near.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	server.Conn = near
	return server, far
}

// A connection that cannot be looked at is lent as it is.
func TestConnectionWithoutSocket(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	var p peek
	p.at(near)
	if something, err := p.now(); something || err != nil {
		t.Errorf("sees something: %v, error %v", something, err)
	}
}
