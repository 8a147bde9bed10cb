package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

var (
	sslRequest = withLength(binary.BigEndian.AppendUint32(nil, CodeSSL))
	gssRequest = withLength(binary.BigEndian.AppendUint32(nil, CodeGSSENC))
	cancel     = AppendCancel(nil, CancelRequest{PID: 7, Secret: []byte("1234")})
	startup    = withLength(startupBody(Version30, "user", "app"))
)

// negotiate runs Negotiate against a client on a real connection, which it
// hands to wrap first if that is not nil, and returns when both are done. The
// server's end is open until the test ends.
func negotiate(t *testing.T, o NegotiateOptions, wrap func(net.Conn) net.Conn, client func(net.Conn) error) (*Opening, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	failed := make(chan error, 1)
	go func() {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			failed <- err
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		failed <- client(conn)
	}()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	if wrap != nil {
		conn = wrap(conn)
	}
	opening, err := Negotiate(conn, o)
	if err != nil {
		conn.Close()
	}
	if clientErr := <-failed; clientErr != nil {
		t.Errorf("client: %v", clientErr)
	}
	return opening, err
}

// say sends each part and expects the byte that stands behind it, 0 for none.
func say(conn net.Conn, parts ...any) error {
	for i := 0; i < len(parts); i += 2 {
		if _, err := conn.Write(parts[i].([]byte)); err != nil {
			return err
		}
		want := byte(parts[i+1].(rune))
		if want == 0 {
			continue
		}
		var got [1]byte
		if _, err := io.ReadFull(conn, got[:]); err != nil || got[0] != want {
			return fmt.Errorf("answer %q, %v; want %q", got[:], err, want)
		}
	}
	return nil
}

// Either order, each at most once.
// Promises: A4, A7, A13, A29.
func TestA4Requests(t *testing.T) {
	t.Parallel()
	ssl, gss := sslRequest, gssRequest
	for _, test := range []struct {
		name string
		say  []any
		code string // SQLSTATE
	}{
		{"nothing before", []any{startup, '\x00'}, ""},
		{"SSL", []any{ssl, 'N', startup, '\x00'}, ""},
		{"GSS", []any{gss, 'N', startup, '\x00'}, ""},
		{"SSL, GSS", []any{ssl, 'N', gss, 'N', startup, '\x00'}, ""},
		{"GSS, SSL", []any{gss, 'N', ssl, 'N', startup, '\x00'}, ""},
		{"SSL twice", []any{ssl, 'N', ssl, '\x00'}, ProtocolViolation},
		{"GSS twice", []any{gss, 'N', gss, '\x00'}, ProtocolViolation},
		{"GSS, SSL, GSS", []any{gss, 'N', ssl, 'N', gss, '\x00'}, ProtocolViolation},
		{"A13 protocol 2.0", []any{withLength(startupBody(2<<16, "user", "x")), '\x00'}, FeatureNotSupported},
		{"A29 no user", []any{withLength(startupBody(Version30)), '\x00'}, InvalidAuthorization},
		{"A7 absurd", []any{ssl, 'N', []byte{0x7f, 0, 0, 0}, '\x00'}, ProtocolViolation},
		{"a TLS handshake after N", []any{ssl, 'N', []byte{recordHandshake, 3, 1, 0}, '\x00'}, ProtocolViolation},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			opening, err := negotiate(t, NegotiateOptions{}, nil, func(c net.Conn) error { return say(c, test.say...) })
			if test.code != "" {
				wantError(t, err, test.code)
				if opening.Startup != nil || opening.Conn == nil {
					t.Errorf("opening %+v", opening)
				}
				return
			}
			if err != nil || opening.Startup == nil || opening.Startup.User != "app" || opening.TLS != nil {
				t.Errorf("opening %+v, %v", opening, err)
			}
		})
	}
}

// Cancel requests in the clear; what comes behind one is
// left alone. (In TLS: TestA5CancelInTLS.)
// Promises: A5, E93.
func TestA5Cancel(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		say  []any
	}{
		{"at once", []any{cancel, '\x00'}},
		{"after SSL", []any{sslRequest, 'N', cancel, '\x00'}},
		{"after GSS", []any{gssRequest, 'N', cancel, '\x00'}},
		{"with noise behind it", []any{append(bytes.Clone(cancel), "noise"...), '\x00'}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			opening, err := negotiate(t, NegotiateOptions{RequireTLS: true}, nil, func(c net.Conn) error { return say(c, test.say...) })
			if err != nil || opening.Startup != nil || opening.Cancel == nil || opening.Cancel.PID != 7 || string(opening.Cancel.Secret) != "1234" {
				t.Errorf("opening %+v, %v", opening, err)
			}
		})
	}
}

func TestRequireTLS(t *testing.T) {
	t.Parallel()
	opening, err := negotiate(t, NegotiateOptions{RequireTLS: true}, nil, func(c net.Conn) error { return say(c, startup, '\x00') })
	if e := wantError(t, err, InvalidAuthorization); e.Hint == "" || opening.Startup != nil {
		t.Errorf("opening %+v, %v", opening, err)
	}
}

// A client that goes away without a word is no error to log,
// one that breaks off in the middle is.
// Promises: A26.
func TestA26HangUp(t *testing.T) {
	t.Parallel()
	reset := func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }
	for _, test := range []struct {
		name   string
		say    []any
		before func(net.Conn)
		want   error
	}{
		{"at once", nil, func(net.Conn) {}, ErrHangUp},
		{"at once, by RST", nil, reset, ErrHangUp},
		{"after N", []any{sslRequest, 'N'}, func(net.Conn) {}, ErrHangUp},
		{"after N, by RST", []any{sslRequest, 'N'}, reset, ErrHangUp},
		{"in the packet", []any{startup[:9], '\x00'}, func(net.Conn) {}, io.ErrUnexpectedEOF},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := negotiate(t, NegotiateOptions{}, nil, func(c net.Conn) error {
				test.before(c)
				return say(c, test.say...)
			})
			if !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			var e *Error
			if errors.As(err, &e) {
				t.Errorf("error %v is fit to be sent", err)
			}
		})
	}
}

// The packet may come in pieces; and what follows it stays where
// it is.
// Promises: A6.
func TestA6Pieces(t *testing.T) {
	t.Parallel()
	opening, err := negotiate(t, NegotiateOptions{}, nil, func(c net.Conn) error {
		for i := range startup {
			if err := say(c, startup[i:i+1], '\x00'); err != nil {
				return err
			}
		}
		return say(c, []byte("behind"), '\x00')
	})
	if err != nil || opening.Startup.User != "app" {
		t.Fatalf("opening %+v, %v", opening, err)
	}
	rest, err := io.ReadAll(opening.Conn)
	if string(rest) != "behind" || err != nil {
		t.Errorf("%q was left, %v", rest, err)
	}
}

// The caller's deadline ends the waiting.
// Promises: A25.
func TestA25Deadline(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	_, err := negotiate(t, NegotiateOptions{}, func(c net.Conn) net.Conn {
		c.SetDeadline(time.Now().Add(-time.Second))
		close(release)
		return c
	}, func(c net.Conn) error {
		<-release
		return nil
	})
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// script is a connection on which these bytes come and nobody listens.
type script struct {
	net.Conn
	*bytes.Reader
	written int
}

func (s *script) Read(b []byte) (int, error) { return s.Reader.Read(b) }

func (s *script) Write(b []byte) (int, error) {
	s.written += len(b)
	return len(b), nil
}

func FuzzNegotiate(f *testing.F) {
	for _, parts := range [][][]byte{
		{startup}, {cancel}, {sslRequest}, {gssRequest, startup}, {sslRequest, startup},
		{{recordHandshake, 3, 1, 0, 0}}, {gssRequest, sslRequest, cancel}, {gssRequest, gssRequest},
	} {
		for _, offer := range []bool{false, true} {
			f.Add(bytes.Join(parts, nil), offer)
		}
	}
	config := testTLS(f, "db.example.com")
	f.Fuzz(func(t *testing.T, b []byte, offer bool) {
		conn := &script{Reader: bytes.NewReader(b)}
		var o NegotiateOptions
		if offer {
			o.TLS = config
		}
		opening, err := Negotiate(conn, o)
		if opening == nil || opening.Conn != net.Conn(conn) || opening.TLS != nil {
			t.Fatalf("opening %+v", opening)
		}
		if found := opening.Startup != nil || opening.Cancel != nil; found != (err == nil) {
			t.Fatalf("opening %+v, %v", opening, err)
		}
		if opening.Startup != nil && opening.Cancel != nil {
			t.Fatal("both startup and cancel")
		}
		if offer && bytes.HasPrefix(b, sslRequest) && err == nil {
			t.Fatal("plaintext was taken for decrypted")
		}
		if conn.written > 2 && !offer { // an alert may be longer
			t.Fatalf("%d bytes were answered", conn.written)
		}
	})
}
