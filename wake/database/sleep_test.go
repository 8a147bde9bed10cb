package database

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"postern/catalog"
	"postern/wake"
	"postern/wake/drivertest"
)

// runs reports whether the shared instance does.
func runs(t testing.TB, d *Driver) bool {
	t.Helper()
	s, err := d.config.Instances.Status(t.Context(), d.instance)
	if err != nil {
		t.Fatal(err)
	}
	return s.Running
}

func status(t testing.TB, d *Driver, tenant *catalog.Tenant) wake.Status {
	t.Helper()
	s, err := d.Status(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The instance sleeps when the last of its tenants does.
func TestLastOneStopsTheInstance(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	acme, other := newTenant(t, d, "acme"), newTenant(t, d, "other")
	first, second := rouse(t, d, acme), rouse(t, d, other)
	client := drivertest.Connect(t, second, drivertest.App())

	if err := d.Suspend(t.Context(), acme, wake.Suspension{}); err != nil {
		t.Fatalf("suspend beside a tenant at work: %v", err)
	}
	<-first.Gone
	if s := status(t, d, acme); s.Running || s.Details["pid"] != 0 {
		t.Errorf("asleep: %+v", s)
	}
	if s := status(t, d, other); !s.Running || !runs(t, d) {
		t.Errorf("the other one: %+v, the instance runs: %v", s, runs(t, d))
	}
	drivertest.Query(t, client, "SELECT '1'")

	if again := rouse(t, d, acme); again.Run == first.Run {
		t.Errorf("the same run after a suspend: %s", again.Run)
	}
	for _, tenant := range []*catalog.Tenant{acme, other} {
		if err := d.Suspend(t.Context(), tenant, wake.Suspension{Force: true}); err != nil {
			t.Fatal(err)
		}
	}
	<-second.Gone
	if runs(t, d) {
		t.Error("the instance runs though no tenant is awake")
	}
	drivertest.Connect(t, rouse(t, d, other), drivertest.App())
}

// That the instance ends by itself, all tenants see; it takes the marks with it.
func TestInstanceEnds(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	acme, other := newTenant(t, d, "acme"), newTenant(t, d, "other")
	first, second := rouse(t, d, acme), rouse(t, d, other)
	if err := d.config.Instances.Suspend(t.Context(), d.instance, wake.Suspension{Force: true}); err != nil {
		t.Fatal(err)
	}
	<-first.Gone
	<-second.Gone
	if s := status(t, d, acme); !s.Provisioned || s.Running {
		t.Errorf("status %+v", s)
	}
	if again := rouse(t, d, acme); again.Run == first.Run {
		t.Error("woken in the same run")
	}
	if s := status(t, d, other); s.Running {
		t.Error("the other one has been woken, too")
	}
}

// Whoever comes while the instance is being stopped has it, or wakes it again.
func TestWakeDuringStop(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	acme, other := newTenant(t, d, "acme"), newTenant(t, d, "other")
	for range 10 {
		rouse(t, d, acme)
		suspended := make(chan error)
		go func() { suspended <- d.Suspend(t.Context(), acme, wake.Suspension{}) }()
		drivertest.Query(t, drivertest.Connect(t, rouse(t, d, other), drivertest.App()), "SELECT '1'")
		if err := <-suspended; err != nil {
			t.Fatal(err)
		}
		if err := d.Suspend(t.Context(), other, wake.Suspension{Force: true}); err != nil {
			t.Fatal(err)
		}
	}
}

// A session of somebody's that is no tenant is in the way of a stop, and not for ever.
func TestRest(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	acme := newTenant(t, d, "acme")
	e := rouse(t, d, acme)
	operator := drivertest.ConnectSuperuser(t, e, "postgres")
	if err := d.Suspend(t.Context(), acme, wake.Suspension{}); err != nil {
		t.Fatal(err)
	}
	if !runs(t, d) {
		t.Fatal("stopped under an operator's session")
	}
	if err := operator.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for runs(t, d) { // the backend takes a moment to leave pg_stat_activity
		d.Rest(t.Context())
	}
}

// A deleted tenant's databases let nobody in, and go when their time has come.
func TestTrash(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	d.config.KeepDeleted = time.Hour
	acme, other := newTenant(t, d, "acme"), newTenant(t, d, "other")
	e := rouse(t, d, acme)
	rouse(t, d, other)
	client := drivertest.Connect(t, e, drivertest.App())
	if err := d.Destroy(t.Context(), acme, false); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("its session goes on")
	}
	if _, err := drivertest.TryConnect(t, e, drivertest.App()); code(err) != "55000" {
		t.Errorf("login: %v", err)
	}
	deleted := time.Now()
	if n, err := d.EmptyTrash(t.Context(), deleted.Add(59*time.Minute)); n != 0 || err != nil {
		t.Errorf("too early: %d, %v", n, err)
	}
	if n, err := d.EmptyTrash(t.Context(), deleted.Add(2*time.Hour)); n != 1 || err != nil {
		t.Errorf("in time: %d, %v", n, err)
	}
	root := drivertest.ConnectSuperuser(t, rouse(t, d, other), "postgres")
	tag := acme.UID[:12]
	if got := drivertest.Query(t, root, "SELECT concat_ws(' ', (SELECT count(*) FROM pg_database WHERE datname LIKE '%"+tag+"%'), (SELECT count(*) FROM pg_roles WHERE rolname LIKE '%"+tag+"%'))"); got != "0 0" {
		t.Errorf("databases and roles that are left: %s", got)
	}
}

// What a provision left that was broken off is made anew.
func TestProvisionAgain(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	acme := newTenant(t, d, "acme")
	drivertest.Exec(t, drivertest.Connect(t, rouse(t, d, acme), drivertest.App()), "CREATE TABLE half ()")
	if err := os.Rename(d.marks.path(made, acme.UID), d.marks.path(making, acme.UID)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Wake(t.Context(), acme); !errors.Is(err, wake.ErrNotProvisioned) {
		t.Fatalf("woken half made: %v", err)
	}
	if err := d.Provision(t.Context(), acme); err != nil {
		t.Fatal(err)
	}
	app := drivertest.Connect(t, rouse(t, d, acme), drivertest.App())
	if got := drivertest.Query(t, app, "SELECT count(*)::text FROM pg_class WHERE relname = 'half'"); got != "0" {
		t.Error("there is what the first attempt has made")
	}
}

// What cannot be in a shared instance is told before anything is made.
func TestRefusals(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	for name, change := range map[string]func(*catalog.Tenant){
		"settings":  func(t *catalog.Tenant) { t.Postgres = map[string]string{"work_mem": "1GB"} },
		"version":   func(t *catalog.Tenant) { t.PGVersion = 15 },
		"long role": func(t *catalog.Tenant) { t.Roles[strings.Repeat("r", wake.MaxSharedRole+1)] = catalog.Role{} },
		"uid":       func(t *catalog.Tenant) { t.UID = "short" },
	} {
		tenant := drivertest.Tenant(t, "acme")
		change(tenant)
		var failed *wake.FailedError
		if err := d.Provision(t.Context(), tenant); !errors.As(err, &failed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := d.config.Instances.Wake(context.WithoutCancel(t.Context()), d.instance); !errors.Is(err, wake.ErrNotProvisioned) {
		t.Errorf("the instance: %v", err)
	}
}

// A tenant that was kept and is made anew has nothing of what was kept.
func TestProvisionKept(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	acme := newTenant(t, d, "acme")
	drivertest.Exec(t, drivertest.Connect(t, rouse(t, d, acme), drivertest.App()), "CREATE TABLE old ()")
	if err := d.Destroy(t.Context(), acme, false); err != nil {
		t.Fatal(err)
	}
	if err := d.Provision(t.Context(), acme); err != nil {
		t.Fatal(err)
	}
	app := drivertest.Connect(t, rouse(t, d, acme), drivertest.App())
	if got := drivertest.Query(t, app, "SELECT count(*)::text FROM pg_class WHERE relname = 'old'"); got != "0" {
		t.Error("there is what was kept")
	}
	if n, err := d.EmptyTrash(t.Context(), time.Now().Add(365*24*time.Hour)); n != 0 || err != nil {
		t.Errorf("it is still in the trash: %d, %v", n, err)
	}
}
