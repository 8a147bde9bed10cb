package wire

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"testing"
	"time"
)

// testCertificate makes a certificate that signs itself.
func testCertificate(t testing.TB, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func testTLS(t testing.TB, names ...string) *tls.Config {
	config := &tls.Config{}
	for _, name := range names {
		config.Certificates = append(config.Certificates, testCertificate(t, name))
	}
	return config
}

// trusting is a client's configuration that takes any certificate.
func trusting(name string, protocols ...string) *tls.Config {
	return &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: protocols}
}

// noPeek hides that a connection can be looked into.
func noPeek(c net.Conn) net.Conn { return struct{ net.Conn }{c} }

// Bytes that a client, or somebody in between, sends in the clear
// behind its SSLRequest are never taken for decrypted.
// Promises: A1, CVE-2021-3935, CVE-2021-43766.
func TestA1PlaintextAfterSSLRequest(t *testing.T) {
	t.Parallel()
	const (
		peeked    = "received unencrypted data after SSL request"
		peekedGSS = "received unencrypted data after GSSAPI encryption request"
	)
	with := func(request, more []byte) []byte { return append(bytes.Clone(request), more...) }
	for _, test := range []struct {
		name    string
		offer   bool
		sent    []byte
		wrap    func(net.Conn) net.Conn
		message string // of the *Error; "" = the handshake fails
	}{
		{"startup", true, with(sslRequest, startup), nil, peeked},
		{"startup, TLS not offered", false, with(sslRequest, startup), nil, peeked},
		{"startup after GSS", true, with(gssRequest, startup), nil, peekedGSS},
		{"cancel", true, with(sslRequest, cancel), nil, peeked},
		{"one byte", true, with(sslRequest, []byte{0}), nil, peeked},
		{"a second request", true, with(sslRequest, gssRequest), nil, peeked},
		{"startup, unseen", true, with(sslRequest, startup), noPeek, ""},
		{"cancel, unseen", true, with(sslRequest, cancel), noPeek, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var o NegotiateOptions
			if test.offer {
				o.TLS = testTLS(t, "db.example.com")
			}
			opening, err := negotiate(t, o, test.wrap, func(c net.Conn) error {
				if _, err := c.Write(test.sent); err != nil {
					return err
				}
				if test.message != "" {
					return nil
				}
				// The client itself goes on as if nothing had happened.
				if err := say(c, []byte{}, 'S'); err != nil {
					return err
				}
				secure := tls.Client(c, trusting("db.example.com"))
				if err := secure.Handshake(); err == nil {
					return errors.New("the handshake went through")
				}
				return nil
			})
			if opening.Startup != nil || opening.Cancel != nil || err == nil {
				t.Fatalf("opening %+v, %v", opening, err)
			}
			if test.message == "" {
				var e *Error
				if errors.As(err, &e) {
					t.Errorf("error %v is fit to be sent", err)
				}
				return
			}
			if e := wantError(t, err, ProtocolViolation); e.Message != test.message {
				t.Errorf("message %q", e.Message)
			}
		})
	}
}

// Promises: K10.
func TestTLS(t *testing.T) {
	t.Parallel()
	certificates := testTLS(t, "one.example.com", "two.example.com").Certificates
	listed := &tls.Config{Certificates: certificates}
	chosen := &tls.Config{
		Certificates: certificates[:1],
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName == "two.example.com" {
				return &certificates[1], nil
			}
			return nil, nil
		},
	}
	perClient := &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return listed, nil }}
	own := &tls.Config{Certificates: certificates, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, nil }}
	for _, server := range []struct {
		name   string
		config *tls.Config
	}{{"list", listed}, {"GetCertificate", chosen}, {"GetConfigForClient", perClient}, {"GetConfigForClient that keeps", own}} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			for _, name := range []string{"one.example.com", "two.example.com", "other.example.com", ""} {
				for _, direct := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s, %s, %s, direct %t", server.name, tls.VersionName(version), name, direct), func(t *testing.T) {
						t.Parallel()
						var seen *x509.Certificate
						opening, err := negotiate(t, NegotiateOptions{TLS: server.config, RequireTLS: true}, nil, func(c net.Conn) error {
							config := trusting(name)
							config.MaxVersion = version
							if direct {
								config.NextProtos = []string{"h2", ALPN}
							} else if err := say(c, gssRequest, 'N', sslRequest, 'S'); err != nil {
								return err
							}
							secure := tls.Client(c, config)
							if err := say(secure, startup, '\x00'); err != nil {
								return err
							}
							seen = secure.ConnectionState().PeerCertificates[0]
							return nil
						})
						if err != nil || opening.Startup.User != "app" || opening.TLS.ServerName != name || opening.TLS.Version != version {
							t.Fatalf("opening %+v, %v", opening, err)
						}
						if _, ok := opening.Conn.(*tls.Conn); !ok {
							t.Errorf("Conn is %T", opening.Conn)
						}
						if !opening.Certificate.Equal(seen) {
							t.Error("Certificate is not what the client saw")
						}
					})
				}
			}
		}
	}
}

// A session that is taken up again shows no certificate, and the binding would
// have nothing to bind to.
func TestNoResumption(t *testing.T) {
	t.Parallel()
	o := NegotiateOptions{TLS: testTLS(t, "db.example.com")}
	o.TLS.SetSessionTicketKeys([][32]byte{{1}}) // or each connection would have its own
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := trusting("db.example.com")
		config.MaxVersion = version
		config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		for range 2 {
			opening, err := negotiate(t, o, nil, func(c net.Conn) error {
				if err := say(c, sslRequest, 'S'); err != nil {
					return err
				}
				secure := tls.Client(c, config)
				if err := say(secure, sslRequest, '\x00'); err != nil {
					return err
				}
				io.Copy(io.Discard, secure) // takes in tickets, until the server closes on the odd request
				return nil
			})
			wantError(t, err, ProtocolViolation)
			if opening.TLS.DidResume || opening.Certificate == nil {
				t.Errorf("%s: opening %+v", tls.VersionName(version), opening)
			}
		}
	}
}

// From version 17 on, libpq encrypts its cancel requests.
// Promises: A5.
func TestA5CancelInTLS(t *testing.T) {
	t.Parallel()
	o := NegotiateOptions{TLS: testTLS(t, "db.example.com")}
	for _, direct := range []bool{false, true} {
		opening, err := negotiate(t, o, nil, func(c net.Conn) error {
			if !direct {
				if err := say(c, sslRequest, 'S'); err != nil {
					return err
				}
			}
			return say(tls.Client(c, trusting("db.example.com", ALPN)), cancel, '\x00')
		})
		if err != nil || opening.Cancel == nil || opening.Cancel.PID != 7 || opening.TLS == nil {
			t.Errorf("direct %t: opening %+v, %v", direct, opening, err)
		}
	}
}

// Within TLS nothing more is negotiated.
// Promises: A4.
func TestA4RequestsInTLS(t *testing.T) {
	t.Parallel()
	o := NegotiateOptions{TLS: testTLS(t, "db.example.com")}
	for _, request := range [][]byte{sslRequest, gssRequest} {
		for _, direct := range []bool{false, true} {
			opening, err := negotiate(t, o, nil, func(c net.Conn) error {
				if !direct {
					if err := say(c, sslRequest, 'S'); err != nil {
						return err
					}
				}
				return say(tls.Client(c, trusting("db.example.com", ALPN)), request, '\x00')
			})
			wantError(t, err, ProtocolViolation)
			if _, ok := opening.Conn.(*tls.Conn); !ok {
				t.Errorf("the error cannot be sent in TLS")
			}
		}
	}
}

// Direct TLS needs ALPN; after an SSLRequest it may be missing,
// but must not name anything else.
// Promises: A23.
func TestA23ALPN(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		offer     bool
		direct    bool
		protocols []string
		code      string // of the *Error
		fails     bool   // the handshake
	}{
		{"direct", true, true, []string{ALPN}, "", false},
		{"direct without", true, true, nil, ProtocolViolation, false},
		{"direct with another", true, true, []string{"http/1.1"}, "", true},
		{"direct, not offered", false, true, []string{ALPN}, "", true},
		{"asked", true, false, []string{ALPN}, "", false},
		{"asked without", true, false, nil, "", false},
		{"asked with another", true, false, []string{"http/1.1"}, "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var o NegotiateOptions
			if test.offer {
				o.TLS = testTLS(t, "db.example.com")
				o.TLS.NextProtos = []string{"http/1.1"} // whatever else it is used for
			}
			opening, err := negotiate(t, o, nil, func(c net.Conn) error {
				if !test.direct {
					if err := say(c, sslRequest, 'S'); err != nil {
						return err
					}
				}
				err := say(tls.Client(c, trusting("db.example.com", test.protocols...)), startup, '\x00')
				if test.fails {
					return nil
				}
				return err
			})
			switch {
			case test.code != "":
				wantError(t, err, test.code)
				if _, ok := opening.Conn.(*tls.Conn); !ok {
					t.Errorf("the error cannot be sent in TLS")
				}
			case test.fails:
				var e *Error
				if err == nil || errors.As(err, &e) {
					t.Errorf("error %v", err)
				}
			case err != nil || opening.Startup == nil:
				t.Errorf("opening %+v, %v", opening, err)
			}
			if err != nil && opening.Startup != nil {
				t.Errorf("Startup in spite of %v", err)
			}
		})
	}
}

// OpenSSL 3 closes without saying goodbye; health checks
// give up in the handshake.
// Promises: A24, A26.
func TestA24HangUpInTLS(t *testing.T) {
	t.Parallel()
	o := NegotiateOptions{TLS: testTLS(t, "db.example.com")}
	for _, test := range []struct {
		name   string
		client func(raw net.Conn) error
	}{
		{"before the handshake", func(net.Conn) error { return nil }},
		{"after it, with close_notify", func(raw net.Conn) error {
			secure := tls.Client(raw, trusting("db.example.com"))
			return errors.Join(secure.Handshake(), secure.Close())
		}},
		{"after it, without", func(raw net.Conn) error {
			return tls.Client(raw, trusting("db.example.com")).Handshake()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := negotiate(t, o, nil, func(c net.Conn) error {
				if err := say(c, sslRequest, 'S'); err != nil {
					return err
				}
				return test.client(c)
			})
			if !errors.Is(err, ErrHangUp) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// A handshake needs the first bytes again, in whatever pieces it reads.
func TestUnread(t *testing.T) {
	t.Parallel()
	for size := 1; size < 8; size++ {
		below := &script{Reader: bytes.NewReader([]byte("behind"))}
		u := &unread{Conn: below, bytes: []byte("four")}
		var got []byte
		for {
			b := make([]byte, size)
			n, err := u.Read(b)
			got = append(got, b[:n]...)
			if err == io.EOF {
				break
			}
		}
		if string(got) != "fourbehind" || u.NetConn() != net.Conn(below) {
			t.Errorf("pieces of %d: %q", size, got)
		}
	}
}
