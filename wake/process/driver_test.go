package process

import (
	"context"
	"os"
	"testing"

	"postern/catalog"
	"postern/wake"
	"postern/wake/drivertest"
)

// shared holds the templates that all tests but one clone from.
var shared string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp(drivertest.Place(), "postern-templates-")
	if err != nil {
		panic(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		panic(err)
	}
	shared = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// newDriver makes a driver on a directory of its own, and at the end of the
// test ends every instance there.
func newDriver(t testing.TB, change ...func(*Config)) *Driver {
	t.Helper()
	config := Config{
		DataDir: drivertest.Dir(t), Installations: drivertest.Installations(t), User: drivertest.User(t),
	}
	for _, c := range change {
		c(&config)
	}
	if err := os.MkdirAll(config.DataDir, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(shared, config.DataDir+"/templates"); err != nil {
		t.Fatal(err)
	}
	d := openDriver(t, config)
	t.Cleanup(func() {
		entries, err := os.ReadDir(d.config.DataDir + "/tenants")
		if err != nil {
			t.Error(err)
		}
		for _, e := range entries {
			h := d.tenant(catalog.TenantID(e.Name()))
			if _, err := os.Stat(h.dataDir()); err != nil {
				continue
			}
			if err := h.end(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		}
	})
	return d
}

func openDriver(t testing.TB, config Config) *Driver {
	t.Helper()
	d, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func TestDriver(t *testing.T) {
	t.Parallel()
	drivertest.Run(t, func(t *testing.T) drivertest.Fixture {
		d := newDriver(t, func(c *Config) { c.Prepared = 1 })
		prepare(t, d)
		return drivertest.Fixture{
			Driver: d,
			Tenant: drivertest.Tenant(t, "acme"),
			Reopen: func() wake.Driver { return openDriver(t, d.config) },
		}
	})
}
