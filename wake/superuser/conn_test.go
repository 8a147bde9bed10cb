package superuser_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postern/wake"
	"postern/wake/drivertest"
	"postern/wake/postgres"
	"postern/wake/superuser"
)

// newEndpoint starts an instance of its own with a role app.
func newEndpoint(t *testing.T, conf ...string) wake.Endpoint {
	t.Helper()
	dir := drivertest.OwnDir(t)
	c := &postgres.Cluster{
		Installation: drivertest.Installations(t)[0], User: drivertest.User(t),
		DataDir: filepath.Join(dir, "data"), SocketDir: dir, LogFile: filepath.Join(dir, "postgres.log"),
	}
	if err := c.Init(t.Context(), postgres.Setup{Conf: conf}); err != nil {
		t.Fatal(err)
	}
	i, err := c.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.Stop(context.WithoutCancel(t.Context()), postgres.Immediate); err != nil {
			t.Error(err)
		}
		if log, err := os.ReadFile(c.LogFile); err != nil || strings.Contains(string(log), "SCRAM-SHA-256$") {
			t.Errorf("a verifier is in the log, or: %v", err)
		}
	})
	return wake.Endpoint{Network: "unix", Address: c.SocketPath(), Superuser: "postgres"}
}

func connect(t *testing.T, e wake.Endpoint) *superuser.Conn {
	t.Helper()
	conn, err := superuser.Connect(t.Context(), e, "postgres")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func app(password, database string) drivertest.Login {
	return drivertest.Login{Role: "app", Password: password, Database: database}
}

// strange is a name that has to be quoted.
const strange = `Who "is' $1; DROP`

func TestRolesAndDatabases(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, "log_statement = all", "log_min_duration_statement = 0")
	c := connect(t, e)
	verifier := drivertest.Verifier(t, "secret")
	for range 2 { // twice is as good as once
		must(t, c.EnsureRole(t.Context(), superuser.RoleSpec{Name: "app", Verifier: verifier, CreateDB: true}))
		must(t, c.EnsureRole(t.Context(), superuser.RoleSpec{Name: strange, Verifier: verifier, ReadOnly: true}))
		must(t, c.EnsureDatabase(t.Context(), "app", "app"))
		must(t, c.EnsureDatabase(t.Context(), strange, strange))
	}
	if found, err := c.Databases(t.Context()); err != nil || !slices.Equal(found, []string{strange, "app"}) {
		t.Errorf("databases %q, %v", found, err)
	}
	roles, err := c.Roles(t.Context())
	must(t, err)
	if len(roles) != 2 || roles["app"].Verifier != verifier || roles["app"].ReadOnly || !roles["app"].CanLogin || !roles[strange].ReadOnly {
		t.Errorf("%d roles, app %v %v, strange %v", len(roles), roles["app"].ReadOnly, roles["app"].CanLogin, roles[strange].ReadOnly)
	}

	changed := drivertest.Verifier(t, "changed")
	must(t, c.SetVerifier(t.Context(), "app", changed))
	if _, err := drivertest.TryConnect(t, e, app("secret", "app")); err == nil {
		t.Error("the old password is good")
	}
	drivertest.Connect(t, e, app("changed", "app"))

	must(t, c.DropDatabase(t.Context(), strange))
	must(t, c.DropDatabase(t.Context(), strange))
	if found, err := c.Databases(t.Context()); err != nil || !slices.Equal(found, []string{"app"}) {
		t.Errorf("databases %q, %v", found, err)
	}
}

func TestDropRole(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	c := connect(t, e)
	verifier := drivertest.Verifier(t, "secret")
	must(t, c.EnsureRole(t.Context(), superuser.RoleSpec{Name: "app", Verifier: verifier}))
	must(t, c.EnsureRole(t.Context(), superuser.RoleSpec{Name: strange, Verifier: verifier}))
	must(t, c.EnsureDatabase(t.Context(), "app", "app"))
	must(t, c.EnsureDatabase(t.Context(), "its own", strange))
	root := drivertest.Connect(t, e, drivertest.Login{Role: "postgres", Database: "app"})
	drivertest.Exec(t, root, `CREATE TABLE t AS SELECT 42 AS answer; GRANT ALL ON t TO "Who ""is' $1; DROP"; GRANT CREATE ON SCHEMA public TO "Who ""is' $1; DROP"`)
	session := drivertest.Connect(t, e, drivertest.Login{Role: strange, Password: "secret", Database: "app"})
	drivertest.Exec(t, session, "CREATE TABLE theirs AS SELECT 43 AS answer")

	for range 2 {
		must(t, c.DropRole(t.Context(), strange, "app"))
	}
	if _, err := session.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("its session goes on")
	}
	heir := drivertest.Connect(t, e, app("secret", "app"))
	if got := drivertest.Query(t, heir, "SELECT answer::text FROM theirs"); got != "43" {
		t.Errorf("got %q", got)
	}
	if got := drivertest.Query(t, root, "SELECT datdba::regrole::text FROM pg_database WHERE datname = 'its own'"); got != "app" {
		t.Errorf("its database belongs to %q", got)
	}
}

func TestEnsureExtension(t *testing.T) {
	t.Parallel()
	c := connect(t, newEndpoint(t))
	must(t, c.EnsureRole(t.Context(), superuser.RoleSpec{Name: "app"}))
	must(t, c.EnsureDatabase(t.Context(), "app", "app"))
	for range 2 {
		must(t, c.EnsureExtension(t.Context(), "app", "plpgsql")) // every installation has it, every database too
	}
	if err := c.EnsureExtension(t.Context(), "app", strange); err == nil {
		t.Error("made one that there is not")
	}
	if err := c.EnsureExtension(t.Context(), "nowhere", "plpgsql"); err == nil {
		t.Error("made one in a database that there is not")
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	c := connect(t, newEndpoint(t))
	verifier := drivertest.Verifier(t, "secret")
	for name, err := range map[string]error{
		"make postgres":      c.EnsureRole(t.Context(), superuser.RoleSpec{Name: "postgres", Verifier: verifier}),
		"make pg_x":          c.EnsureRole(t.Context(), superuser.RoleSpec{Name: "pg_x"}),
		"change postgres":    c.SetVerifier(t.Context(), "postgres", verifier),
		"drop postgres":      c.DropRole(t.Context(), "postgres", "app"),
		"drop database":      c.DropDatabase(t.Context(), "postgres"),
		"make template1":     c.EnsureDatabase(t.Context(), "template1", "postgres"),
		"make nameless role": c.EnsureRole(t.Context(), superuser.RoleSpec{}),
	} {
		if !errors.Is(err, superuser.ErrReserved) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, secret := range []string{"plain", "md5" + strings.Repeat("0", 32), verifier + "x'"} {
		for _, err := range []error{
			c.EnsureRole(t.Context(), superuser.RoleSpec{Name: "app", Verifier: secret}),
			c.SetVerifier(t.Context(), "app", secret),
		} {
			if err == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("a password for a verifier: %v", err)
			}
		}
	}
	if _, err := superuser.Connect(t.Context(), wake.Endpoint{Network: "unix", Address: "/"}, "postgres"); !errors.Is(err, wake.ErrUnsupported) {
		t.Errorf("connect where there is no superuser: %v", err)
	}
}

func TestBusy(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, "max_prepared_transactions = 2")
	c := connect(t, e)
	connect(t, e) // another one of Postern's is no work
	must(t, c.EnsureRole(t.Context(), superuser.RoleSpec{Name: "app", Verifier: drivertest.Verifier(t, "secret")}))
	busy := func() string {
		t.Helper()
		because, err := c.Busy(t.Context())
		must(t, err)
		return strings.Join(because, "; ")
	}
	if got := busy(); got != "" {
		t.Errorf("busy with %q", got)
	}
	client := drivertest.Connect(t, e, app("secret", "postgres"))
	for own, want := range map[uint32]string{client.PgConn().PID(): "", client.PgConn().PID() + 1: "session of role app (client): idle"} {
		if because, err := c.Busy(t.Context(), own); err != nil || strings.Join(because, "; ") != want {
			t.Errorf("busy with %q, %v, want %q", because, err, want)
		}
	}
	drivertest.Exec(t, client, "BEGIN")
	if because, err := c.Busy(t.Context(), client.PgConn().PID()); err != nil || len(because) != 1 {
		t.Errorf("busy with %q, %v", because, err)
	}
	if got, want := busy(), "session of role app (client): idle in transaction"; got != want {
		t.Errorf("busy with %q, want %q", got, want)
	}
	drivertest.Exec(t, client, "PREPARE TRANSACTION 'half'")
	must(t, c.TerminateClients(t.Context()))
	if _, err := client.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("the client's session goes on")
	}
	for strings.Contains(busy(), "session") { // it takes a moment to go
		continue
	}
	if got, want := busy(), "prepared transaction half"; got != want {
		t.Errorf("busy with %q, want %q", got, want)
	}
	must(t, c.Checkpoint(t.Context()))
}
