package database

import (
	"context"
	"log/slog"
	"os"
	"testing"

	"postern/catalog"
	"postern/wake"
	"postern/wake/drivertest"
	"postern/wake/process"
)

// templates holds the templates that all tests clone from.
var templates string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp(drivertest.Place(), "postern-templates-")
	if err != nil {
		panic(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		panic(err)
	}
	templates = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// newDriver makes a driver on a directory of its own, and at the end of the test
// ends the instance there.
func newDriver(t testing.TB) *Driver {
	t.Helper()
	dir := drivertest.Dir(t)
	if err := os.Symlink(templates, dir+"/templates"); err != nil {
		t.Fatal(err)
	}
	d := openDriver(t, dir)
	t.Cleanup(func() {
		if err := d.config.Instances.Destroy(context.WithoutCancel(t.Context()), d.instance, true); err != nil {
			t.Error(err)
		}
	})
	return d
}

// openDriver makes a driver on a directory, as each start of Postern does.
func openDriver(t testing.TB, dir string) *Driver {
	t.Helper()
	instances, err := process.New(process.Config{
		DataDir: dir, Installations: drivertest.Installations(t), User: drivertest.User(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(instances.Close)
	d, err := New(Config{DataDir: dir, Instances: instances, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func TestDriver(t *testing.T) {
	t.Parallel()
	drivertest.Run(t, func(t *testing.T) drivertest.Fixture {
		d := newDriver(t)
		return drivertest.Fixture{
			Driver: d,
			Tenant: drivertest.Tenant(t, "acme"),
			Reopen: func() wake.Driver { return openDriver(t, d.config.DataDir) },
		}
	})
}

func newTenant(t testing.TB, d *Driver, id catalog.TenantID) *catalog.Tenant {
	t.Helper()
	tenant := drivertest.Tenant(t, id)
	if err := d.Provision(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	return tenant
}

func rouse(t testing.TB, d *Driver, tenant *catalog.Tenant) wake.Endpoint {
	t.Helper()
	e, err := d.Wake(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
