package static_test

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/catalog"
	"postern/proxy/auth"
	"postern/proxy/pgtest"
	"postern/proxy/pool"
	"postern/wake"
	"postern/wake/drivertest"
	"postern/wake/static"
)

func TestDriver(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{TLS: true})
	pg.Exec(t, "alter role app password '"+drivertest.Password+"'")
	root := rootCert(t, pg.Authority)
	for name, backend := range map[string]catalog.Backend{
		"TCP":    {Host: "127.0.0.1", Port: pg.Port, TLS: "disable"},
		"TLS":    {Host: "localhost", Port: pg.Port, RootCert: root},
		"socket": {Host: pg.SocketDir, Port: pg.Port},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			drivertest.Run(t, func(t *testing.T) drivertest.Fixture {
				tenant := drivertest.Tenant(t, "acme")
				tenant.Backend = backend
				return drivertest.Fixture{
					Driver: new(static.Driver), Tenant: tenant,
					Reopen: func() wake.Driver { return static.New(static.Config{}) },
				}
			})
		})
	}
}

// rootCert writes an authority's certificate into a file.
func rootCert(t *testing.T, authority *pgtest.Authority) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(path, authority.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// appKeys are what a client of the role app has proved.
func appKeys(t *testing.T, pg *pgtest.Postgres) auth.LoginKeys {
	t.Helper()
	v, err := auth.ParseVerifier(pg.Exec(t, "select rolpassword from pg_authid where rolname = 'app'"))
	if err != nil {
		t.Fatal(err)
	}
	salted, err := pbkdf2.Key(sha256.New, pgtest.Password, v.Salt, v.Iterations, sha256.Size)
	if err != nil {
		t.Fatal(err)
	}
	key := hmac.New(sha256.New, salted)
	io.WriteString(key, "Client Key")
	return auth.LoginKeys{ClientKey: key.Sum(nil), Verifier: v}
}

// Each sslmode does what it does in libpq. The server's certificate is for
// localhost and 127.0.0.1; 0.0.0.0 leads there as well, under a wrong name.
// Promises: A3.
func TestTLSModes(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{TLS: true})
	plain := pgtest.Start(t, pgtest.Config{})
	keys, plainKeys := appKeys(t, pg), appKeys(t, plain)
	right, wrong := rootCert(t, pg.Authority), rootCert(t, pgtest.NewAuthority(t))
	for _, test := range []struct {
		mode, root, host string
		refused          string // part of the error, "" for a login
		encrypted        bool
	}{
		{"disable", "", "127.0.0.1", "", false},
		{"disable", wrong, "0.0.0.0", "", false},
		{"require", "", "0.0.0.0", "", true},
		{"require", right, "0.0.0.0", "", true}, // with a root it is verify-ca
		{"require", wrong, "127.0.0.1", "certificate", false},
		{"verify-ca", right, "127.0.0.1", "", true},
		{"verify-ca", right, "0.0.0.0", "", true},
		{"verify-ca", wrong, "127.0.0.1", "certificate", false},
		{"verify-ca", "", "127.0.0.1", "certificate", false}, // no system trusts it
		{"verify-full", right, "127.0.0.1", "", true},
		{"verify-full", right, "localhost", "", true},
		{"verify-full", right, "0.0.0.0", "certificate", false},
		{"verify-full", wrong, "127.0.0.1", "certificate", false},
		{"verify-full", "", "localhost", "certificate", false},
		{"", right, "localhost", "", true},
		{"", right, "0.0.0.0", "certificate", false},
		{"", "", "127.0.0.1", "certificate", false},
	} {
		name := strings.Join([]string{test.mode, map[string]string{right: "right", wrong: "wrong"}[test.root], test.host}, ",")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			driver := static.New(static.Config{})
			backend := catalog.Backend{Host: test.host, Port: pg.Port, TLS: test.mode, RootCert: test.root}
			s, err := login(t, driver, backend, keys)
			switch {
			case test.refused != "":
				if err == nil || !strings.Contains(err.Error(), test.refused) {
					t.Errorf("error %v", err)
				}
			case err != nil:
				t.Error(err)
			default:
				c := pgtest.NewClient(t, s, pgtest.Target{})
				c.Query("select ssl from pg_stat_ssl where pid = pg_backend_pid()")
				answer := strings.Join(pgtest.Lines(c.ReadUntilReady()), "\n")
				if want := map[bool]string{true: `DataRow "t"`, false: `DataRow "f"`}[test.encrypted]; !strings.Contains(answer, want) {
					t.Errorf("encryption is not as wanted:\n%s", answer)
				}
			}
			if backend.Port = plain.Port; test.mode != "disable" {
				if _, err := login(t, driver, backend, plainKeys); err == nil {
					t.Error("logged in without TLS at a server that has none")
				}
			}
		})
	}
}

// login goes the way that a session goes.
func login(t *testing.T, driver wake.Driver, backend catalog.Backend, keys auth.LoginKeys) (*pool.Server, error) {
	t.Helper()
	e, err := driver.Wake(t.Context(), &catalog.Tenant{ID: "acme", Backend: backend})
	if err != nil {
		t.Fatal(err)
	}
	s, err := pool.Connect(t.Context(), pool.Target{Network: e.Network, Address: e.Address, TLS: e.TLS},
		pool.Login{Role: "app", Database: "app", Keys: keys})
	if err == nil {
		t.Cleanup(func() { s.Close() })
	}
	return s, err
}

// What is wrong with an address will not get better by itself.
// Promises: J4.
func TestWrongBackend(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, backend := range map[string]catalog.Backend{
		"no host":            {},
		"unknown mode":       {Host: "localhost", TLS: "prefer"},
		"no such file":       {Host: "localhost", RootCert: filepath.Join(t.TempDir(), "none")},
		"file without a one": {Host: "localhost", RootCert: empty},
	} {
		tenant := &catalog.Tenant{ID: "acme", Backend: backend}
		driver := static.New(static.Config{})
		_, errWake := driver.Wake(t.Context(), tenant)
		_, errStatus := driver.Status(t.Context(), tenant)
		for call, err := range map[string]error{"Wake": errWake, "Status": errStatus, "Provision": driver.Provision(t.Context(), tenant)} {
			var failed *wake.FailedError
			if !errors.As(err, &failed) || failed.Reason == "" || failed.Hint == "" {
				t.Errorf("%s: %s: %v", name, call, err)
			}
		}
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	listener, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5433"))
	if err != nil {
		t.Fatal(err)
	}
	driver := static.New(static.Config{})
	tenant := &catalog.Tenant{ID: "acme", Backend: catalog.Backend{Host: dir, Port: 5433}}
	for _, running := range []bool{true, false} {
		s, err := driver.Status(t.Context(), tenant)
		if err != nil || !s.Provisioned || s.Running != running || !maps.Equal(s.Details, map[string]any{"host": dir, "port": 5433}) {
			t.Errorf("listening %v: %+v, %v", running, s, err)
		}
		listener.Close()
	}
	var failed *wake.FailedError
	if _, err := driver.Wake(t.Context(), tenant); err == nil || errors.As(err, &failed) {
		t.Errorf("nothing listens, which may change: %v", err)
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	listener, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	driver := static.New(static.Config{})
	e, err := driver.Wake(context.Background(), &catalog.Tenant{ID: "acme", Backend: catalog.Backend{Host: dir}})
	if err != nil || e.Network != "unix" || e.Address != listener.Addr().String() || e.TLS != nil || e.Superuser != "" || e.Gone != nil || e.Run == "" {
		t.Errorf("%+v, %v", e, err)
	}
}
