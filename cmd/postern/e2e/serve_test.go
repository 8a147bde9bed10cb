package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/proxy/pgtest"
)

// TestServe runs one proxy of a fleet: tenants in files, a Postgres that somebody
// else runs, and TLS for everybody.
func TestServe(t *testing.T) {
	t.Parallel()
	eachMajor(t, func(t *testing.T, major int) {
		pg := pgtest.Start(t, pgtest.Config{Major: major, TLS: true})
		verifier := pg.Exec(t, "select rolpassword from pg_authid where rolname = 'app'")
		tenants, authority := t.TempDir(), pgtest.NewAuthority(t)
		backendRoot := filepath.Join(t.TempDir(), "backend.crt")
		writeFile(t, backendRoot, string(pg.Authority.PEM()))
		file := func(id string) {
			writeFile(t, filepath.Join(tenants, id+".toml"), fmt.Sprintf(`
driver = "static"
[backend]
host = "127.0.0.1"
port = %d
tls = "verify-full"
root_cert = %q
[[roles]]
name = "app"
verifier = %q
`, pg.Port, backendRoot, verifier))
		}
		file("acme")
		d := startServe(t, tenants, authority)
		acme := &tenant{daemon: d, id: "acme", password: pgtest.Password}

		t.Run("TLS is required", func(t *testing.T) {
			refused(t, acme.target(), "28000", "sslmode=require")
			root := filepath.Join(t.TempDir(), "root.crt")
			writeFile(t, root, string(authority.PEM()))
			host, port := d.hostPort(t)
			dsn := fmt.Sprintf("host=acme.db.example.test hostaddr=%s port=%s user=app dbname=app sslmode=verify-full sslrootcert=%s", host, port, root)
			if answer := (psql{DSN: dsn, Password: pgtest.Password, Args: []string{"-c", "select 42"}}).must(t); answer != "42" {
				t.Errorf("it answers %q", answer)
			}
			bound := acme.target()
			bound.TLS, bound.ChannelBinding = authority.ClientConfig("acme.db.example.test"), true
			pgtest.Connect(t, bound).Close()
		})
		t.Run("a file that comes later", func(t *testing.T) {
			late := &tenant{daemon: d, id: "late", password: pgtest.Password}
			if code := tryLogin(t, late, "app", pgtest.Password); code != "28P01" {
				t.Errorf("a tenant without a file: %s", code)
			}
			file("late")
			eventually(t, "a tenant whose file has come may log in", func() bool { return tryLogin(t, late, "app", pgtest.Password) == "no error" })
		})
		t.Run("commands", func(t *testing.T) {
			if listed := d.must(t, "tenant", "list"); !strings.Contains(listed, "acme") {
				t.Errorf("tenant list:\n%s", listed)
			}
			if found := acme.detail(t); found.Backend["port"] != float64(pg.Port) {
				t.Errorf("its backend: %v", found.Backend)
			}
			for _, verb := range [][]string{{"suspend", "acme"}, {"role", "create", "acme", "bob"}} {
				if r := d.cli(t, append([]string{"tenant"}, verb...)...); r.code == 0 || !strings.Contains(r.stderr, "not supported by this driver") {
					t.Errorf("tenant %v: exit code %d: %s", verb, r.code, r.stderr)
				}
			}
		})

		if running := postgresOf(t, filepath.Dir(d.dataDir)); len(running) > 0 {
			t.Errorf("it has started %v", running)
		}
		if code := d.stop(t); code != 0 || !alive(pg.PID) {
			t.Errorf("exit code %d, and the tenant's Postgres is alive: %v", code, alive(pg.PID))
		}
	})
}

// startServe starts `postern serve` over a directory of tenants' files, with a
// certificate for *.db.example.test, and stops it when the test ends.
func startServe(t *testing.T, tenants string, authority *pgtest.Authority) *daemon {
	t.Helper()
	dir := t.TempDir()
	certificate, key := authority.WriteFiles(t, dir, "*.db.example.test")
	file := filepath.Join(dir, "postern.toml")
	writeFile(t, file, serveConfig(certificate, key, tenants))
	d := newDaemon(t, daemonConfig{Serve: file})
	d.must(t, "config", "check", file)
	d.start(t)
	return d
}

// serveConfig is a configuration for serve, to which more can be added.
func serveConfig(certificate, key, tenants string) string {
	return fmt.Sprintf(`
[listen]
postgres = "127.0.0.1:0"
[http]
listen = "127.0.0.1:0"
[tls]
mode = "require"
certificates = [{ cert = %q, key = %q }]
[catalog]
store = "files"
dir = %q
poll_interval = "100ms"
negative_ttl = "100ms"
[router]
domains = ["db.example.test"]
`, certificate, key, tenants)
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
