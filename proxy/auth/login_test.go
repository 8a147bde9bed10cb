package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/pgtest"
	"postern/proxy/wire"
)

// listener authenticates everybody against one verifier and then answers
// queries with nothing. It counts who came in.
type listener struct {
	net.Listener
	verifier Verifier
	tls      *tls.Config

	sessions sync.WaitGroup
	mu       sync.Mutex
	proofs   []Proof // guarded by mu
}

func listen(t *testing.T, v Verifier, config *tls.Config) *listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := &listener{Listener: l, verifier: v, tls: config}
	served.sessions.Go(served.accept)
	t.Cleanup(func() {
		l.Close()
		served.sessions.Wait()
	})
	return served
}

func (l *listener) port() int { return l.Addr().(*net.TCPAddr).Port }

func (l *listener) accept() {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		l.sessions.Go(func() { l.serve(conn) })
	}
}

func (l *listener) serve(conn net.Conn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	opening, err := wire.Negotiate(conn, wire.NegotiateOptions{TLS: l.tls})
	if err != nil || opening.Cancel != nil {
		return
	}
	conn = opening.Conn
	proof, err := Authenticate(conn, Request{
		User:           opening.Startup.User,
		Verifier:       l.verifier,
		ChannelBinding: EndPointBinding(opening.Certificate),
	})
	if err != nil {
		conn.Write(wire.AsError(err).AppendFatal(nil))
		return
	}
	l.mu.Lock()
	l.proofs = append(l.proofs, *proof)
	l.mu.Unlock()

	conn.Write(proof.Final)
	backend := pgproto3.NewBackend(conn, conn)
	backend.Send(&pgproto3.AuthenticationOk{})
	backend.Send(&pgproto3.ParameterStatus{Name: "server_version", Value: "15.0"})
	backend.Send(&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"})
	backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	for backend.Flush() == nil {
		message, err := backend.Receive()
		if _, ok := message.(*pgproto3.Query); err != nil || !ok {
			return
		}
		backend.Send(&pgproto3.EmptyQueryResponse{})
		backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	}
}

// selfSigned makes a certificate for localhost that is signed this way.
func selfSigned(t *testing.T, algorithm x509.SignatureAlgorithm) tls.Certificate {
	t.Helper()
	var key crypto.Signer
	var err error
	switch algorithm {
	case x509.PureEd25519:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case x509.ECDSAWithSHA256, x509.ECDSAWithSHA384:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), SignatureAlgorithm: algorithm, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// psqls are the installed versions of psql by their names. PostgreSQL may be
// there without any.
func psqls(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, installed := range pgtest.Versions(t) {
		path := filepath.Join(installed.BinDir, "psql")
		if _, err := os.Stat(path); err == nil {
			found[fmt.Sprintf("psql %d", installed.Major)] = path
		}
	}
	if len(found) == 0 {
		t.Fatal("psql is not installed (package postgresql-client)")
	}
	return found
}

// psql logs in and out with libpq, and returns what it complains of.
func psql(t *testing.T, path, password, dsn string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	command := exec.CommandContext(ctx, path, "-X", "-w", "-c", "", dsn)
	command.Env = append(os.Environ(), "PGPASSWORD="+password, "PGCONNECT_TIMEOUT=20", "LC_ALL=C")
	out, err := command.CombinedOutput()
	return string(out), err
}

// pgx logs in and out with pgconn.
func pgx(t *testing.T, password, dsn string) (string, error) {
	t.Helper()
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config.Password = password
	conn, err := pgconn.ConnectConfig(t.Context(), config)
	if err != nil {
		return err.Error(), err
	}
	return "", errors.Join(conn.Ping(t.Context()), conn.Close(t.Context()))
}

// Real clients log in, in the clear and in TLS, bound and unbound.
// Promises: B37.
func TestRealClients(t *testing.T) {
	t.Parallel()
	const refused = `password authentication failed for user "app.acme"`
	const secret = "sëcret"
	v := NewVerifier(secret)
	installed := psqls(t)
	for _, server := range []struct {
		name      string
		algorithm x509.SignatureAlgorithm // of the certificate; 0 = no TLS
		bindable  bool
	}{
		{"in the clear", 0, false},
		{"ECDSA SHA-256", x509.ECDSAWithSHA256, true},
		{"ECDSA SHA-384", x509.ECDSAWithSHA384, true},
		{"RSA SHA-256", x509.SHA256WithRSA, true},
		{"RSA SHA-512", x509.SHA512WithRSA, true},
		{"RSA-PSS", x509.SHA256WithRSAPSS, true},
		{"Ed25519", x509.PureEd25519, false},
	} {
		var config *tls.Config
		mode := "sslmode=disable"
		if server.algorithm != 0 {
			certificate := selfSigned(t, server.algorithm)
			config = &tls.Config{Certificates: []tls.Certificate{certificate}}
			root := filepath.Join(t.TempDir(), "root.crt")
			block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
			if err := os.WriteFile(root, block, 0o644); err != nil {
				t.Fatal(err)
			}
			mode = "sslmode=verify-full sslrootcert=" + root
		}
		l := listen(t, v, config)
		for _, test := range []struct {
			name, binding, password string
			ok                      bool
			complaint               string
		}{
			{"right", "prefer", secret, true, ""},
			{"wrong", "prefer", "wrong", false, refused},
			{"empty", "prefer", " ", false, refused},
			{"right, unbound", "disable", secret, true, ""},
			{"wrong, unbound", "disable", "wrong", false, refused},
			{"right, bound", "require", secret, server.bindable, "channel binding"},
		} {
			dsn := fmt.Sprintf("host=localhost hostaddr=127.0.0.1 port=%d user=app.acme dbname=app channel_binding=%s %s",
				l.port(), test.binding, mode)
			check := func(t *testing.T, out string, err error) {
				t.Helper()
				if (err == nil) != test.ok || (!test.ok && !strings.Contains(out, test.complaint)) {
					t.Errorf("%v: %s", err, out)
				}
			}
			for version, path := range installed {
				t.Run(fmt.Sprintf("%s, %s, %s", server.name, test.name, version), func(t *testing.T) {
					t.Parallel()
					out, err := psql(t, path, test.password, dsn)
					check(t, out, err)
				})
			}
			t.Run(fmt.Sprintf("%s, %s, pgx", server.name, test.name), func(t *testing.T) {
				t.Parallel()
				out, err := pgx(t, test.password, strings.Replace(dsn, "host=localhost hostaddr=127.0.0.1", "host=localhost", 1))
				check(t, out, err)
			})
		}
	}
}
