package drivertest

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"postern/catalog"
	"postern/wake"
)

// Fixture is a driver to test, and a tenant that it has not met.
type Fixture struct {
	Driver wake.Driver
	Tenant *catalog.Tenant
	// Reopen, if set, returns another driver on the same ground, as after a
	// restart of Postern or in another proxy.
	Reopen func() wake.Driver
}

// Run checks that a driver does what wake.Driver says. make is called for each
// part with that part's own t, and cleans up by t.Cleanup, so that no instance
// is left.
func Run(t *testing.T, make func(t *testing.T) Fixture) {
	part := func(name string, needs wake.Capabilities, test func(t *testing.T, f Fixture)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := make(t)
			has := f.Driver.Capabilities()
			if needs.Provision && !has.Provision || needs.Suspend && !has.Suspend || needs.Superuser && !has.Superuser {
				t.Skip("not a capability of this driver")
			}
			test(t, f)
		})
	}
	none := wake.Capabilities{}
	full := wake.Capabilities{Provision: true, Suspend: true, Superuser: true}
	part("Wake", none, testWake)
	part("WakeCancelled", none, testWakeCancelled)
	part("WakeTogether", none, testWakeTogether)
	part("Unsupported", none, testUnsupported)
	part("Reopen", none, testReopen)
	part("Contents", wake.Capabilities{Provision: true}, testContents)
	part("Suspend", wake.Capabilities{Suspend: true}, testSuspend)
	part("SuspendBusy", full, testSuspendBusy)
	part("SuspendWanted", full, testSuspendWanted)
	part("SuspendRoles", full, testSuspendRoles)
	part("Destroy", full, testDestroy)
	part("DestroyPurge", wake.Capabilities{Provision: true}, testDestroyPurge)
}

// provision makes the fixture's tenant, where there is anything to make.
func provision(t *testing.T, f Fixture) {
	t.Helper()
	if !f.Driver.Capabilities().Provision {
		return
	}
	if err := f.Driver.Provision(t.Context(), f.Tenant); err != nil {
		t.Fatalf("provision: %v", err)
	}
}

func rouse(t *testing.T, f Fixture) wake.Endpoint {
	t.Helper()
	e, err := f.Driver.Wake(t.Context(), f.Tenant)
	if err != nil {
		t.Fatalf("wake: %v", err)
	}
	return e
}

func suspend(t *testing.T, f Fixture, s wake.Suspension) {
	t.Helper()
	if err := f.Driver.Suspend(t.Context(), f.Tenant, s); err != nil {
		t.Fatalf("suspend: %v", err)
	}
}

func status(t *testing.T, f Fixture) wake.Status {
	t.Helper()
	s, err := f.Driver.Status(t.Context(), f.Tenant)
	if err != nil {
		t.Fatalf("status: %v", err)
	}
	return s
}

func testWake(t *testing.T, f Fixture) {
	if f.Driver.Capabilities().Provision {
		if _, err := f.Driver.Wake(t.Context(), f.Tenant); !errors.Is(err, wake.ErrNotProvisioned) {
			t.Fatalf("wake before it is provisioned: %v", err)
		}
		if s := status(t, f); s.Provisioned || s.Running {
			t.Fatalf("status before it is provisioned: %+v", s)
		}
	}
	provision(t, f)
	provision(t, f) // once more changes nothing
	first := rouse(t, f)
	if got := Query(t, Connect(t, first, App()), "SELECT current_user::text"); got != first.Share.Role("app") {
		t.Errorf("logged in as %q", got)
	}
	if again := rouse(t, f); again.Run != first.Run || again.Address != first.Address {
		t.Errorf("woken twice: %+v, then %+v", first, again)
	}
	if s := status(t, f); !s.Provisioned || !s.Running || len(s.Details) == 0 {
		t.Errorf("status: %+v", s)
	}
	if (first.Superuser != "") != f.Driver.Capabilities().Superuser {
		t.Errorf("superuser is %q", first.Superuser)
	}
}

func testWakeCancelled(t *testing.T, f Fixture) {
	provision(t, f)
	if f.Driver.Capabilities().Suspend {
		suspend(t, f, wake.Suspension{Force: true})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Driver.Wake(ctx, f.Tenant); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	rouse(t, f) // it has not suffered
}

func testWakeTogether(t *testing.T, f Fixture) {
	provision(t, f)
	if f.Driver.Capabilities().Suspend {
		suspend(t, f, wake.Suspension{Force: true})
	}
	drivers := []wake.Driver{f.Driver}
	if f.Reopen != nil {
		drivers = append(drivers, f.Reopen())
	}
	var all sync.WaitGroup
	runs := make(chan string, 4*len(drivers))
	for _, driver := range drivers {
		for range cap(runs) / len(drivers) {
			all.Go(func() {
				e, err := driver.Wake(t.Context(), f.Tenant)
				if err != nil {
					t.Errorf("wake: %v", err)
				}
				runs <- e.Run
			})
		}
	}
	all.Wait()
	first := <-runs
	for range cap(runs) - 1 {
		if run := <-runs; run != first {
			t.Errorf("started more than once: %s and %s", first, run)
		}
	}
}

func testUnsupported(t *testing.T, f Fixture) {
	has := f.Driver.Capabilities()
	if !has.Suspend {
		if err := f.Driver.Suspend(t.Context(), f.Tenant, wake.Suspension{}); !errors.Is(err, wake.ErrUnsupported) {
			t.Errorf("suspend: %v", err)
		}
	}
	if !has.Provision {
		for name, err := range map[string]error{
			"provision": f.Driver.Provision(t.Context(), f.Tenant),
			"destroy":   f.Driver.Destroy(t.Context(), f.Tenant, false),
			"restore":   f.Driver.Restore(t.Context(), f.Tenant),
		} {
			if err != nil && !errors.Is(err, wake.ErrUnsupported) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func testReopen(t *testing.T, f Fixture) {
	if f.Reopen == nil {
		t.Skip("cannot be opened twice")
	}
	provision(t, f)
	before := rouse(t, f)
	f.Driver = f.Reopen()
	if s := status(t, f); !s.Running {
		t.Errorf("status: %+v", s)
	}
	after := rouse(t, f)
	if after.Run != before.Run || after.Address != before.Address {
		t.Errorf("not adopted: %+v, then %+v", before, after)
	}
	if !f.Driver.Capabilities().Suspend {
		return
	}
	suspend(t, f, wake.Suspension{Force: true})
	if after.Gone != nil {
		<-after.Gone // hangs if it is not noticed
		<-before.Gone
	}
}

func testContents(t *testing.T, f Fixture) {
	f.Tenant.Roles["reader"] = catalog.Role{Name: "reader", CanLogin: true, ReadOnly: true, Verifier: Verifier(t, "reader's")}
	f.Tenant.Roles["locked"] = catalog.Role{Name: "locked", Verifier: Verifier(t, "reader's")}
	f.Tenant.Roles["expired"] = catalog.Role{Name: "expired", CanLogin: true, Verifier: Verifier(t, "reader's"), ValidUntil: time.Unix(1, 0)}
	f.Tenant.Databases = append(f.Tenant.Databases, "Second one")
	provision(t, f)
	e := rouse(t, f)
	second := App()
	second.Database = "Second one"
	Exec(t, Connect(t, e, second), "CREATE TABLE here (i int)") // as its owner
	app := Connect(t, e, App())
	Exec(t, app, "CREATE TABLE t AS SELECT 42 AS answer")
	rights := "f,f,t,f"
	if f.Driver.Capabilities().Shared {
		rights = "f,f,f,f"
	} else {
		Exec(t, app, "CREATE DATABASE third")
	}
	if got := Query(t, app, "SELECT concat_ws(',', rolsuper, rolcreaterole, rolcreatedb, rolreplication) FROM pg_roles WHERE rolname = current_user"); got != rights {
		t.Errorf("app is superuser, may create roles, databases, replicate: %s", got)
	}
	reader := Connect(t, e, Login{Role: "reader", Password: "reader's", Database: "app"})
	if got := Query(t, reader, "SELECT answer::text FROM t"); got != "42" {
		t.Errorf("reader reads %q", got)
	}
	if _, err := reader.Exec(t.Context(), "CREATE TABLE mine (i int)"); err == nil {
		t.Error("reader made a table")
	}
	for _, role := range []string{"locked", "expired"} {
		if _, err := TryConnect(t, e, Login{Role: role, Password: "reader's", Database: "app"}); err == nil {
			t.Errorf("%s may log in", role)
		}
	}
	if _, err := TryConnect(t, e, Login{Role: "app", Password: "wrong", Database: "app"}); err == nil {
		t.Error("logged in with a wrong password")
	}
}

func testSuspend(t *testing.T, f Fixture) {
	provision(t, f)
	first := rouse(t, f)
	Exec(t, Connect(t, first, App()), "CREATE TABLE kept AS SELECT 42 AS answer")
	suspend(t, f, wake.Suspension{Force: true})
	if first.Gone != nil {
		<-first.Gone // hangs if it is not noticed
	}
	if s := status(t, f); !s.Provisioned || s.Running {
		t.Errorf("status while asleep: %+v", s)
	}
	suspend(t, f, wake.Suspension{}) // once more changes nothing
	second := rouse(t, f)
	if second.Run == first.Run {
		t.Errorf("the same run after a suspend: %s", second.Run)
	}
	if got := Query(t, Connect(t, second, App()), "SELECT answer::text FROM kept"); got != "42" {
		t.Errorf("found %q", got)
	}
}

func testSuspendBusy(t *testing.T, f Fixture) {
	provision(t, f)
	e := rouse(t, f)
	client := Connect(t, e, App())
	var busy *wake.BusyError
	if err := f.Driver.Suspend(t.Context(), f.Tenant, wake.Suspension{}); !errors.As(err, &busy) || len(busy.Because) == 0 {
		t.Fatalf("suspend under a client: %v", err)
	}
	if got := Query(t, client, "SELECT '1'"); got != "1" {
		t.Errorf("got %q", got)
	}
	suspend(t, f, wake.Suspension{Force: true})
	_, err := client.Exec(t.Context(), "SELECT 1")
	if err == nil {
		t.Error("the session has survived")
	}
	client = Connect(t, rouse(t, f), App())
	if err := client.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for { // the backend takes a moment to leave pg_stat_activity
		err := f.Driver.Suspend(t.Context(), f.Tenant, wake.Suspension{})
		if err == nil {
			return
		}
		if !errors.As(err, &busy) {
			t.Fatalf("suspend without clients: %v", err)
		}
	}
}

// Whoever asks for the instance before it has begun to stop gets it.
func testSuspendWanted(t *testing.T, f Fixture) {
	provision(t, f)
	e := rouse(t, f)
	wanted := make(chan struct{})
	s := wake.Suspension{Wanted: wanted, Roles: func(context.Context, map[string]catalog.Role) error {
		close(wanted)
		return nil
	}}
	for _, when := range []string{"as its roles are read", "before"} {
		var busy *wake.BusyError
		if err := f.Driver.Suspend(t.Context(), f.Tenant, s); !errors.As(err, &busy) {
			t.Fatalf("suspend of what is wanted %s: %v", when, err)
		}
		if again := rouse(t, f); again.Run != e.Run {
			t.Errorf("stopped although it is wanted %s", when)
		}
	}
	suspend(t, f, wake.Suspension{Wanted: make(chan struct{})})
}

func testSuspendRoles(t *testing.T, f Fixture) {
	provision(t, f)
	e := rouse(t, f)
	changed := Verifier(t, "another")
	root := ConnectSuperuser(t, e, "postgres")
	Exec(t, root, "ALTER ROLE "+e.Share.Role("app")+" PASSWORD '"+changed+"' VALID UNTIL '2030-01-02 03:04:05+00'")
	Exec(t, root, "CREATE ROLE "+e.Share.Role("locked")+" PASSWORD '"+changed+"' NOLOGIN VALID UNTIL 'infinity'")
	Exec(t, root, "CREATE ROLE "+e.Share.Role("crowd")+" NOLOGIN")

	refuse := errors.New("catalog is away")
	force := wake.Suspension{Force: true, Roles: func(context.Context, map[string]catalog.Role) error { return refuse }}
	if err := f.Driver.Suspend(t.Context(), f.Tenant, force); !errors.Is(err, refuse) {
		t.Fatalf("suspend without a catalog: %v", err)
	}
	if again := rouse(t, f); again.Run != e.Run {
		t.Error("stopped although its roles could not be saved")
	}

	var got map[string]catalog.Role
	force.Roles = func(_ context.Context, roles map[string]catalog.Role) error {
		got = maps.Clone(roles)
		return nil
	}
	suspend(t, f, force)
	if len(got) != 2 {
		t.Fatalf("roles %v", got)
	}
	if app := got["app"]; app.Verifier != changed || !app.CanLogin || app.ValidUntil.Format("2006-01-02T15:04:05Z07:00") != "2030-01-02T03:04:05Z" {
		t.Errorf("app: can log in %v, valid until %v", app.CanLogin, app.ValidUntil)
	}
	if locked := got["locked"]; locked.CanLogin || locked.Verifier != changed || !locked.ValidUntil.IsZero() {
		t.Errorf("locked: can log in %v, valid until %v", locked.CanLogin, locked.ValidUntil)
	}
}

func testDestroy(t *testing.T, f Fixture) {
	provision(t, f)
	e := rouse(t, f)
	Exec(t, Connect(t, e, App()), "CREATE TABLE kept AS SELECT 42 AS answer")
	for range 2 {
		if err := f.Driver.Destroy(t.Context(), f.Tenant, false); err != nil {
			t.Fatalf("destroy: %v", err)
		}
	}
	if _, err := f.Driver.Wake(t.Context(), f.Tenant); !errors.Is(err, wake.ErrNotProvisioned) {
		t.Fatalf("wake after destroy: %v", err)
	}
	for range 2 {
		if err := f.Driver.Restore(t.Context(), f.Tenant); err != nil {
			t.Fatalf("restore: %v", err)
		}
	}
	if got := Query(t, Connect(t, rouse(t, f), App()), "SELECT answer::text FROM kept"); got != "42" {
		t.Errorf("found %q", got)
	}
}

func testDestroyPurge(t *testing.T, f Fixture) {
	provision(t, f)
	rouse(t, f)
	if err := f.Driver.Destroy(t.Context(), f.Tenant, true); err != nil {
		t.Fatalf("destroy: %v", err)
	}
	if err := f.Driver.Restore(t.Context(), f.Tenant); !errors.Is(err, wake.ErrNotProvisioned) {
		t.Errorf("restore after a purge: %v", err)
	}
	if s := status(t, f); s.Provisioned || s.Running {
		t.Errorf("status after a purge: %+v", s)
	}
	provision(t, f) // the id is free again
	rouse(t, f)
}
