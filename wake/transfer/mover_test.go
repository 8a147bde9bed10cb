package transfer_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"postern/catalog"
	"postern/catalog/memstore"
	"postern/wake"
	"postern/wake/database"
	"postern/wake/drivertest"
	"postern/wake/postgres"
	"postern/wake/process"
	"postern/wake/transfer"
)

// withDump are the installations that have pg_dump, without which a test of moves is
// skipped.
func withDump(t testing.TB) []postgres.Installation {
	t.Helper()
	found := slices.DeleteFunc(drivertest.Installations(t), func(i postgres.Installation) bool {
		_, err := exec.LookPath(filepath.Join(i.BinDir, "pg_dump"))
		return err != nil
	})
	if len(found) == 0 {
		t.Skip("no PostgreSQL with pg_dump")
	}
	return found[:1]
}

// world is a gate with two drivers, and a tenant.
type world struct {
	gate   *wake.Gate
	store  catalog.Store
	mover  *transfer.Mover
	dir    string
	tenant *catalog.Tenant
	config wake.GateConfig
	moved  atomic.Pointer[catalog.Tenant] // as whom the gate has it awake
}

func newWorld(t testing.TB, installations []postgres.Installation) *world {
	t.Helper()
	dir := drivertest.Dir(t)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	processes, err := process.New(process.Config{DataDir: dir, Installations: installations, User: drivertest.User(t), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(processes.Close)
	databases, err := database.New(database.Config{DataDir: dir, Instances: processes, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(databases.Close)
	store := memstore.New()
	w := &world{store: store, mover: transfer.New(transfer.Config{Installations: installations}), dir: dir}
	w.config = wake.GateConfig{
		Store: store, Log: log,
		Drivers: map[string]wake.Driver{"process": processes, "database": databases},
		Moved: func(t *catalog.Tenant, awake bool) {
			if awake {
				w.moved.Store(t)
			}
		},
	}
	gate := wake.NewGate(w.config)
	t.Cleanup(gate.Close)
	w.gate = gate
	record := drivertest.Tenant(t, "acme")
	record.Driver = "process"
	record.Roles["reader"] = catalog.Role{Name: "reader", CanLogin: true, ReadOnly: true, Verifier: drivertest.Verifier(t, "reader's")}
	record.Roles["writer"] = catalog.Role{Name: "writer", CanLogin: true, Verifier: drivertest.Verifier(t, "writer's")}
	if w.tenant, err = store.Create(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if err := gate.Destroy(ctx, w.now(t, ctx), true); err != nil {
			t.Error(err)
		}
		databases.Rest(ctx)
	})
	return w
}

// now is the tenant's record.
func (w *world) now(t testing.TB, ctx context.Context) *catalog.Tenant {
	t.Helper()
	now, err := w.store.Lookup(ctx, w.tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	return now
}

func (w *world) ready(t testing.TB) wake.Endpoint {
	t.Helper()
	e, err := w.gate.Ready(t.Context(), w.now(t, t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (w *world) move(t testing.TB, driver string) error {
	t.Helper()
	return w.gate.Move(t.Context(), w.now(t, t.Context()), driver, w.mover)
}

// as logs in, for one session.
func (w *world) as(t testing.TB, role, password, sql string) string {
	t.Helper()
	conn := drivertest.Connect(t, w.ready(t), drivertest.Login{Role: role, Password: password, Database: "app"})
	defer conn.Close(t.Context())
	return drivertest.Query(t, conn, sql)
}

// contents is what a tenant may have made.
var contents = []string{
	"CREATE TABLE orders (id serial PRIMARY KEY, what text NOT NULL)",
	"INSERT INTO orders (what) SELECT 'order ' || i FROM generate_series(1, 1000) i",
	`CREATE SCHEMA "Odd ""name"""`,
	`CREATE TABLE "Odd ""name""".t AS SELECT 'odd' AS what`,
	"CREATE VIEW few AS SELECT * FROM orders WHERE id < 10",
	"CREATE FUNCTION twice(i int) RETURNS int LANGUAGE sql SECURITY DEFINER AS $$ /*\nALTER TABLE orders OWNER TO app;\n*/ SELECT 2 * i $$",
	"GRANT INSERT, SELECT ON orders TO writer",
	"GRANT USAGE ON SEQUENCE orders_id_seq TO writer",
	"GRANT CREATE ON SCHEMA public TO writer",
	"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO writer",
	"SELECT lo_from_bytea(4711, 'large')",
	`ALTER ROLE app SET search_path = "Odd ""name""", public`,
	"ALTER DATABASE app SET work_mem = '5MB'",
	"CREATE DATABASE second",
}

// TestThereAndBack: a tenant has the same in another kind of instance, and after its
// return, down to who owns what and who may do what.
func TestThereAndBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withDump(t))
	app := drivertest.Connect(t, w.ready(t), drivertest.App())
	for _, sql := range contents {
		drivertest.Exec(t, app, sql)
	}
	app.Close(t.Context())
	w.as(t, "writer", "writer's", "WITH x AS (INSERT INTO orders (what) VALUES ('by the writer') RETURNING id) SELECT id::text FROM x")
	writer := drivertest.Connect(t, w.ready(t), drivertest.Login{Role: "writer", Password: "writer's", Database: "app"})
	drivertest.Exec(t, writer, "CREATE TABLE theirs AS SELECT 'theirs' AS what")
	writer.Close(t.Context())
	root := drivertest.ConnectSuperuser(t, w.ready(t), "postgres")
	drivertest.Exec(t, root, "CREATE ROLE crowd NOLOGIN; GRANT crowd TO writer")
	root.Close(t.Context())

	check := func(driver string) {
		t.Helper()
		e := w.ready(t)
		if now := w.now(t, t.Context()); now.Driver != driver || now.State != catalog.Awake {
			t.Fatalf("the tenant is %s, has the driver %s and the databases %q", now.State, now.Driver, now.Databases)
		}
		prefix := e.Share.RolePrefix()
		for sql, want := range map[string]string{
			"SELECT count(*)::text FROM orders":                "1001",
			"SELECT what FROM t":                               "odd", // by the search_path
			"SELECT current_setting('work_mem')":               "5MB",
			"SELECT twice(21)::text":                           "42",
			"SELECT convert_from(lo_get(4711), 'UTF8')":        "large",
			"SELECT (last_value + 1)::text FROM orders_id_seq": "1002",
			"SELECT (prosrc LIKE E'%OWNER TO app;\\n%')::text FROM pg_proc WHERE proname = 'twice'": "true",
			"SELECT tableowner::text FROM pg_tables WHERE tablename = 'theirs'":                     prefix + "writer",
			"SELECT tableowner::text FROM pg_tables WHERE tablename = 'orders'":                     prefix + "app",
			"SELECT proowner::regrole::text FROM pg_proc WHERE proname = 'twice'":                   prefix + "app",
			"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()":    prefix + "app",
			"SELECT has_table_privilege('" + prefix + "writer', 'orders', 'INSERT')::text":          "true",
			"SELECT count(*)::text FROM few":                                                        "9",
		} {
			if got := w.as(t, "app", drivertest.Password, sql); got != want {
				t.Errorf("%s: %s: %q, want %q", driver, sql, got, want)
			}
		}
		if got := w.as(t, "reader", "reader's", "SELECT what FROM theirs"); got != "theirs" {
			t.Errorf("%s: the reader reads %q", driver, got)
		}
		if got := w.as(t, "writer", "writer's", "SELECT pg_has_role('"+prefix+"crowd', 'USAGE')::text"); got != "true" {
			t.Errorf("%s: the writer is no longer in crowd", driver)
		}
		second := drivertest.Connect(t, e, drivertest.Login{Role: "app", Password: drivertest.Password, Database: "second"})
		second.Close(t.Context())
		root := drivertest.ConnectSuperuser(t, e, "postgres")
		defer root.Close(t.Context())
		roles := drivertest.Query(t, root, "SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolname !~ '^pg_'")
		want := "app crowd postgres reader writer"
		if e.Share.Shared() {
			want = strings.Join([]string{"postgres", e.Share.Readers(), e.Share.Members(), prefix + "app", prefix + "crowd", prefix + "reader", prefix + "writer"}, " ")
		}
		if roles != want {
			t.Errorf("%s: the roles are %s, want %s", driver, roles, want)
		}
	}
	check("process")
	for _, driver := range []string{"database", "process", "database"} {
		if err := w.move(t, driver); err != nil {
			t.Fatalf("move to %s: %v", driver, err)
		}
		check(driver)
		if awake := w.moved.Load(); awake.Driver != driver {
			t.Errorf("for the suspender it is at %s", awake.Driver)
		}
		if driver == "process" { // the veils of the shared instance have stayed there
			w.as(t, "app", drivertest.Password, "SELECT count(*)::text FROM pg_stat_activity")
			w.as(t, "app", drivertest.Password, "SELECT count(rolconfig)::text FROM pg_roles")
		}
	}
	if err := w.move(t, "database"); err != nil {
		t.Errorf("move to where it is: %v", err)
	}
}

// TestBrokenOff: whatever goes wrong, the tenant is where it was and has what it had,
// and the next move is not hindered.
func TestBrokenOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withDump(t))
	app := drivertest.Connect(t, w.ready(t), drivertest.App())
	drivertest.Exec(t, app, "CREATE TABLE kept AS SELECT 42 AS answer")
	run := w.ready(t).Run

	var busy *wake.BusyError
	if err := w.move(t, "database"); !errors.As(err, &busy) {
		t.Errorf("moved away from a client: %v", err)
	}
	app.Close(t.Context())
	refuse := errors.New("refused")
	for name, mover := range map[string]wake.Mover{
		"before":  broken{w.mover, func(context.Context, func() error) error { return refuse }},
		"behind":  broken{w.mover, func(_ context.Context, copy func() error) error { return errors.Join(copy(), refuse) }},
		"survive": broken{w.mover, func(context.Context, func() error) error { return context.Canceled }},
	} {
		if err := w.gate.Move(t.Context(), w.now(t, t.Context()), "database", mover); err == nil {
			t.Fatalf("%s: moved", name)
		}
		if now := w.now(t, t.Context()); now.Driver != "process" || now.State != catalog.Awake || w.ready(t).Run != run {
			t.Errorf("%s: the tenant is %s, its driver %s", name, now.State, now.Driver)
		}
		if got := w.as(t, "app", drivertest.Password, "SELECT answer::text FROM kept"); got != "42" {
			t.Errorf("%s: got %q", name, got)
		}
	}
	if err := w.move(t, "static"); !errors.Is(err, wake.ErrUnsupported) {
		t.Errorf("moved to a driver that there is not: %v", err)
	}
	if err := w.move(t, "database"); err != nil {
		t.Fatal(err)
	}
	if got := w.as(t, "app", drivertest.Password, "SELECT answer::text FROM kept"); got != "42" {
		t.Errorf("got %q", got)
	}
}

// broken is a Mover that fails.
type broken struct {
	wake.Mover
	how func(ctx context.Context, copy func() error) error
}

func (b broken) Copy(ctx context.Context, t *catalog.Tenant, from, to wake.Endpoint) error {
	return b.how(ctx, func() error { return b.Mover.Copy(ctx, t, from, to) })
}

// TestKilled: what a killed Postern has left of a move is no hindrance.
func TestKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withDump(t))
	w.ready(t)
	// As if it had not come to tidying up: a tenant that is half made, and a role that
	// is called what its tenant does.
	dies := broken{w.mover, func(context.Context, func() error) error { return errors.New("killed") }}
	if err := w.gate.Move(t.Context(), w.now(t, t.Context()), "database", planting{dies, t}); err == nil {
		t.Fatal("moved")
	}
	if err := os.WriteFile(filepath.Join(w.dir, "databases", "making", strings.Repeat("a", 32)), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.move(t, "database"); err != nil {
		t.Fatal(err)
	}
	root := drivertest.ConnectSuperuser(t, w.ready(t), "postgres")
	if got := drivertest.Query(t, root, "SELECT count(*)::text FROM pg_roles WHERE rolname = 'app' OR rolname ~ 'aaaa'"); got != "0" {
		t.Errorf("roles that are left: %s", got)
	}
	if names := slices.Sorted(maps.Keys(w.now(t, t.Context()).Roles)); !slices.Equal(names, []string{"app", "reader", "writer"}) {
		t.Errorf("roles %q", names)
	}
}

// planting leaves in the target what a broken-off move of another tenant would.
type planting struct {
	wake.Mover
	t *testing.T
}

func (p planting) Copy(ctx context.Context, t *catalog.Tenant, from, to wake.Endpoint) error {
	root := drivertest.ConnectSuperuser(p.t, to, "postgres")
	defer root.Close(ctx)
	drivertest.Exec(p.t, root, "CREATE ROLE app")
	drivertest.Exec(p.t, root, "CREATE DATABASE t_aaaaaaaaaaaa OWNER app")
	return p.Mover.Copy(ctx, t, from, to)
}

// TestNoPrograms: it is said what to install.
func TestNoPrograms(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	w := newWorld(t, drivertest.Installations(t)[:1])
	w.ready(t)
	if _, err := os.Stat(filepath.Join(drivertest.Installations(t)[0].BinDir, "pg_dump")); err == nil {
		w.mover = transfer.New(transfer.Config{})
	}
	var failed *wake.FailedError
	if err := w.move(t, "database"); !errors.As(err, &failed) || !strings.Contains(failed.Hint, "postgresql-client-") {
		t.Errorf("error %v", err)
	}
}

// TestOtherProxies: a tenant that another proxy uses stays; one that another proxy has
// moved is found where it is.
func TestOtherProxies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withDump(t))
	w.ready(t)
	before := w.now(t, t.Context())

	config := w.config
	config.Fleet = used{w.store}
	other := wake.NewGate(config)
	t.Cleanup(other.Close)
	var busy *wake.BusyError
	if err := other.Move(t.Context(), before, "database", w.mover); !errors.As(err, &busy) {
		t.Errorf("moved away from another proxy: %v", err)
	}
	if now := w.now(t, t.Context()); now.Driver != "process" {
		t.Errorf("its driver is %s", now.Driver)
	}

	if err := w.move(t, "database"); err != nil {
		t.Fatal(err)
	}
	third := wake.NewGate(w.config)
	t.Cleanup(third.Close)
	e, err := third.Ready(t.Context(), before)
	if err != nil || !e.Share.Shared() {
		t.Fatalf("by its old record: %+v, %v", e.Share, err)
	}
	if awake := w.moved.Load(); awake.Driver != "database" {
		t.Errorf("for the suspender it is at %s", awake.Driver)
	}
}

// used is a fleet in which another proxy uses every tenant.
type used struct{ catalog.Store }

func (used) Hold(context.Context, catalog.TenantID) error { return nil }
func (used) Drop(context.Context, catalog.TenantID)       {}
func (used) Claim(context.Context, catalog.TenantID, func(*catalog.Tenant) error) (*catalog.Tenant, error) {
	return nil, catalog.ErrHeld
}
