package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"postern/proxy/auth"
	"postern/proxy/pgtest"
)

// fleetMember is a `postern serve` whose configuration changes.
type fleetMember struct {
	*daemon
	tenants, certificate, key string
	acme                      *tenant
	pg                        *pgtest.Postgres
	authority                 *pgtest.Authority
	users                     string
}

const consolePassword = "a console's password"

// startFleetMember starts one with the tenant acme, and the console's users ops
// and looker. The verifiers of stats users are in a file that env names.
func startFleetMember(t *testing.T, more string) *fleetMember {
	t.Helper()
	m := &fleetMember{pg: pgtest.Start(t, pgtest.Config{}), authority: pgtest.NewAuthority(t), tenants: t.TempDir()}
	writeFile(t, filepath.Join(m.tenants, "acme.toml"), fmt.Sprintf(`
driver = "static"
[backend]
host = "127.0.0.1"
port = %d
tls = "disable"
[[roles]]
name = "app"
verifier = %q
`, m.pg.Port, m.pg.Exec(t, "select rolpassword from pg_authid where rolname = 'app'")))
	dir := t.TempDir()
	m.certificate, m.key = m.authority.WriteFiles(t, dir, "*.db.example.test")
	m.users = filepath.Join(t.TempDir(), "stats_users")
	m.setStatsUser(t, "looker")
	m.daemon = newDaemon(t, daemonConfig{
		Serve: filepath.Join(dir, "postern.toml"), Env: []string{"POSTERN_AUTH_STATS_USERS_FILE=" + m.users},
	})
	m.write(t, more)
	m.start(t)
	m.acme = &tenant{daemon: m.daemon, id: "acme", password: pgtest.Password}
	return m
}

func (m *fleetMember) setStatsUser(t *testing.T, name string) {
	writeFile(t, m.users, name+"="+auth.NewVerifier(consolePassword).String())
}

// write replaces the configuration as editors do. more is further tables, behind
// those that serveConfig has and [auth].
func (m *fleetMember) write(t *testing.T, more string) {
	t.Helper()
	text := serveConfig(m.certificate, m.key, m.tenants) + fmt.Sprintf("[auth]\nadmin_users = { ops = %q }\n", verifierOfOps) + more
	m.replace(t, text)
}

func (m *fleetMember) replace(t *testing.T, text string) {
	t.Helper()
	written := m.config.Serve + "~"
	writeFile(t, written, text)
	if err := os.Rename(written, m.config.Serve); err != nil {
		t.Fatal(err)
	}
}

// verifierOfOps is the same at each write, as it would be in a real file.
var verifierOfOps = auth.NewVerifier(consolePassword).String()

// console logs in to the console.
func (m *fleetMember) console(t *testing.T, user string) (*pgconn.PgConn, error) {
	t.Helper()
	config, err := pgconn.ParseConfig(fmt.Sprintf("postgres://%s@%s/postern?sslmode=require", user, m.postgres))
	if err != nil {
		t.Fatal(err)
	}
	config.Password = consolePassword
	conn, err := pgconn.ConnectConfig(t.Context(), config)
	if err == nil {
		t.Cleanup(func() { conn.Close(context.Background()) })
	}
	return conn, err
}

func (m *fleetMember) mustConsole(t *testing.T, user string) *pgconn.PgConn {
	t.Helper()
	conn, err := m.console(t, user)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// setting is what SHOW CONFIG says of one: its value and whether it can change.
func setting(t *testing.T, console *pgconn.PgConn, name string) string {
	t.Helper()
	results, err := console.Exec(t.Context(), "SHOW CONFIG").ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range results[0].Rows {
		if string(row[0]) == name {
			return string(row[1]) + " " + string(row[3])
		}
	}
	t.Fatalf("there is no setting %s", name)
	return ""
}

// client logs in to acme and begins a transaction, which a reload must not touch.
func (m *fleetMember) client(t *testing.T) *pgtest.Client {
	t.Helper()
	target := m.acme.target()
	target.TLS = m.authority.ClientConfig("acme.db.example.test")
	return pgtest.Connect(t, target)
}

func TestReload(t *testing.T) {
	t.Parallel()
	m := startFleetMember(t, "")
	console := m.mustConsole(t, "ops")
	c := m.client(t)
	c.Query("begin; create temporary table here()")
	c.ReadUntilReady()
	if got := setting(t, console, "default_pool_size"); got != "20 yes" {
		t.Errorf("default_pool_size is %s", got)
	}
	if got := setting(t, console, "listen.postgres"); got != "127.0.0.1:0 no" {
		t.Errorf("listen.postgres is %s", got)
	}

	t.Run("the file changes", func(t *testing.T) {
		m.write(t, "[pool]\ndefault_pool_size = 7\nmax_db_connections = 5\n[log]\nlevel = \"debug\"\n")
		eventually(t, "the pool size is in effect", func() bool { return setting(t, console, "default_pool_size") == "7 yes" })
		if got := setting(t, console, "max_db_connections"); got != "5 yes" {
			t.Errorf("max_db_connections is %s", got)
		}
		if got := setting(t, console, "log.level"); got != "debug yes" {
			t.Errorf("log.level is %s", got)
		}
	})
	t.Run("SIGHUP", func(t *testing.T) {
		m.setStatsUser(t, "auditor") // in a file that only the environment names
		m.signal(t, syscall.SIGHUP)
		eventually(t, "the new user may log in", func() bool { _, err := m.console(t, "auditor"); return err == nil })
		if _, err := m.console(t, "looker"); codeOf(err) != "28P01" {
			t.Errorf("the old one: %v", err)
		}
	})
	t.Run("what needs a restart", func(t *testing.T) {
		m.write(t, "[pool]\ndefault_pool_size = 8\nengine = \"goroutine\"\n[wake]\ntimeout = \"1s\"\n")
		refusedReload(t, console, "pool.engine, wake.timeout need a restart")
		m.replace(t, "nonsense")
		refusedReload(t, console, "postern.toml:1:")
		m.write(t, "[pool]\nno_such = 1\n")
		refusedReload(t, console, "pool.no_such")
		if got := setting(t, console, "default_pool_size"); got != "7 yes" {
			t.Errorf("default_pool_size is %s", got)
		}
	})
	t.Run("RELOAD", func(t *testing.T) {
		m.write(t, "[pool]\ndefault_pool_size = 9\n[limits]\nmax_client_conn = 100\n")
		if _, err := console.Exec(t.Context(), "RELOAD").ReadAll(); err != nil {
			t.Fatal(err)
		}
		if got := setting(t, console, "default_pool_size") + setting(t, console, "max_client_conn"); got != "9 yes100 yes" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("certificates", func(t *testing.T) {
		other := pgtest.NewAuthority(t)
		trusted := func(authority *pgtest.Authority) bool {
			conn, err := tls.Dial("tcp", m.postgres, &tls.Config{
				RootCAs: authority.ClientConfig("").RootCAs, ServerName: "acme.db.example.test", NextProtos: []string{"postgresql"},
			})
			if err == nil {
				conn.Close()
			}
			return err == nil
		}
		if !trusted(m.authority) || trusted(other) {
			t.Error("another certificate is in use already")
		}
		other.WriteFiles(t, filepath.Dir(m.certificate), "*.db.example.test")
		eventually(t, "the new certificate is in use", func() bool { return trusted(other) })
		if trusted(m.authority) {
			t.Error("so is the old one")
		}
	})
	c.Query("select * from here; commit")
	if got := strings.Join(pgtest.Lines(c.ReadUntilReady()), "\n"); !strings.Contains(got, `CommandComplete "COMMIT"`) {
		t.Errorf("the client was disturbed:\n%s", got)
	}
}

// refusedReload says RELOAD, which must fail and say why.
func refusedReload(t *testing.T, console *pgconn.PgConn, why string) {
	t.Helper()
	_, err := console.Exec(t.Context(), "RELOAD").ReadAll()
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != "F0000" || !strings.Contains(refused.Message, why) || refused.Hint == "" {
		t.Errorf("RELOAD: %v, want %q", err, why)
	}
}

// dev has no file, but HUP must not end it.
func TestReloadOfDev(t *testing.T) {
	t.Parallel()
	d := startDev(t, daemonConfig{})
	d.signal(t, syscall.SIGHUP)
	eventually(t, "the log tells of the reload", func() bool {
		for _, line := range d.logLines(0) {
			if line.Message == "configuration reloaded" {
				return true
			}
		}
		return false
	})
	query(t, d.printed, "select 1")
}
