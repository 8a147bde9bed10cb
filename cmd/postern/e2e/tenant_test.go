package e2e

import (
	"context"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"postern/proxy/pgtest"
	"postern/wake/postgres"
)

// tenant is a tenant of a dev, with the password of its role app.
type tenant struct {
	daemon   *daemon
	id       string
	password string
}

// createTenant makes a tenant, ready when it returns.
func (d *daemon) createTenant(t testing.TB, id string, args ...string) *tenant {
	t.Helper()
	var created struct{ URL string }
	d.mustJSON(t, &created, append([]string{"tenant", "create", id}, args...)...)
	return &tenant{daemon: d, id: id, password: passwordOf(t, created.URL)}
}

// createTenantOf makes a tenant with a major version of PostgreSQL.
func (d *daemon) createTenantOf(t testing.TB, major int, id string) *tenant {
	t.Helper()
	return d.createTenant(t, id+"-"+strconv.Itoa(major), "--pg-version", strconv.Itoa(major))
}

// passwordOf is the password in a connection string.
func passwordOf(t testing.TB, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	password, ok := u.User.Password()
	if !ok {
		t.Fatalf("no password in %s", u.Redacted())
	}
	return password
}

// dsn is the connection string of the role app.
func (a *tenant) dsn() string { return a.dsnOf("app", a.password) }

// dsnOf is the connection string of a role, in the database app.
func (a *tenant) dsnOf(role, password string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(role+"."+a.id, password), Host: a.daemon.postgres, Path: "/app"}
	return u.String()
}

// target is the role app for the kit's raw client.
func (a *tenant) target() pgtest.Target {
	return pgtest.Target{Network: "tcp", Address: a.daemon.postgres, User: "app." + a.id, Database: "app", Password: a.password}
}

// direct is the same role at the tenant's Postgres itself, which must be awake.
func (a *tenant) direct(t testing.TB) pgtest.Target {
	t.Helper()
	socketDir, _ := a.detail(t).Backend["socket_dir"].(string)
	return pgtest.Target{Network: "unix", Address: postgres.SocketPath(socketDir, postgres.DefaultPort),
		User: "app", Database: "app", Password: a.password}
}

// connect logs in as the role app.
func (a *tenant) connect(t testing.TB) *pgx.Conn {
	t.Helper()
	return connect(t, a.dsn())
}

// connect logs in; the connection is closed when the test ends.
func connect(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// exec runs statements as the role app over a connection of their own.
func (a *tenant) exec(t testing.TB, sql string) {
	t.Helper()
	conn := a.connect(t)
	if _, err := conn.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	_ = conn.Close(t.Context())
}

// text asks for a single value over a connection of its own.
func (a *tenant) text(t testing.TB, sql string) string {
	t.Helper()
	conn := a.connect(t)
	value := text(t, conn, sql)
	_ = conn.Close(t.Context())
	return value
}

// text asks for a single value as text.
func text(t testing.TB, conn *pgx.Conn, sql string) string {
	t.Helper()
	results, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	if len(results) != 1 || len(results[0].Rows) != 1 {
		t.Fatalf("%s: want one row", sql)
	}
	return string(results[0].Rows[0][0])
}

// asSuperuser runs statements by `tenant psql` and returns what they print.
func (a *tenant) asSuperuser(t testing.TB, sql string) string {
	t.Helper()
	return strings.TrimSpace(a.daemon.must(t, "tenant", "psql", a.id, "--", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql))
}

// detail is what tests read of `tenant get`.
type detail struct {
	State        string         `json:"state"`
	Version      int64          `json:"version"`
	URL          string         `json:"url"`
	AwakeBecause []string       `json:"awake_because"`
	Labels       map[string]any `json:"labels"`
	Hostnames    []string       `json:"hostnames"`
	Backend      map[string]any `json:"backend"`
	Failure      string         `json:"failure"`
}

// detail asks what there is to tell; that wakes nobody.
func (a *tenant) detail(t testing.TB) detail {
	t.Helper()
	var found detail
	a.daemon.mustJSON(t, &found, "tenant", "get", a.id)
	return found
}

// pid is the postmaster's, 0 while there is none.
func (a *tenant) pid(t testing.TB) int {
	t.Helper()
	pid, _ := a.detail(t).Backend["pid"].(float64)
	return int(pid)
}

// suspend stops its Postgres.
func (a *tenant) suspend(t testing.TB) {
	t.Helper()
	a.daemon.must(t, "tenant", "suspend", a.id)
}

// mustSleep fails the test if its Postgres runs.
func (a *tenant) mustSleep(t testing.TB, after string) {
	t.Helper()
	if found := a.detail(t); found.State != "asleep" || found.Backend["pid"] != 0.0 {
		t.Errorf("after %s the tenant is %s, its postmaster %v; it should sleep on", after, found.State, found.Backend["pid"])
	}
	if running := postgresOf(t, a.dataDir()); len(running) > 0 {
		t.Errorf("after %s there are processes: %v", after, running)
	}
}

// dataDir is the tenant's place in the data directory.
func (a *tenant) dataDir() string { return a.daemon.dataDir + "/tenants/" + a.id + "/data" }

// hostname is its name for SNI.
func (a *tenant) hostname() string { return a.id + ".db.localhost" }

// hostPort is the address for programs that want host and port apart.
func (d *daemon) hostPort(t testing.TB) (host, number string) {
	t.Helper()
	host, number, err := net.SplitHostPort(d.postgres)
	if err != nil {
		t.Fatal(err)
	}
	return host, number
}
