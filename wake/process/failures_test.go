package process

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/catalog"
	"postern/wake"
	"postern/wake/drivertest"
	"postern/wake/postgres"
)

// failure wakes the tenant and returns the FailedError.
func failure(t *testing.T, d *Driver, tenant *catalog.Tenant) *wake.FailedError {
	t.Helper()
	_, err := d.Wake(t.Context(), tenant)
	var failed *wake.FailedError
	if !errors.As(err, &failed) {
		t.Fatalf("error %v", err)
	}
	if failed.Hint == "" {
		t.Errorf("no hint: %v", failed)
	}
	return failed
}

func TestDirectoryOfAnotherTenant(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	tenant := drivertest.Tenant(t, "acme")
	awake(t, d, tenant)
	other := drivertest.Tenant(t, "acme")
	if f := failure(t, d, other); !strings.Contains(f.Reason, tenant.UID) {
		t.Errorf("reason %q", f.Reason)
	}
	var failed *wake.FailedError
	if err := d.Provision(t.Context(), other); !errors.As(err, &failed) {
		t.Errorf("provision: %v", err)
	}
	if err := d.Suspend(t.Context(), other, wake.Suspension{Force: true}); !errors.As(err, &failed) {
		t.Errorf("suspend: %v", err)
	}
	if err := d.Destroy(t.Context(), other, true); err != nil {
		t.Errorf("destroy: %v", err)
	}
	if s, err := d.Status(t.Context(), other); err != nil || s.Provisioned || s.Running {
		t.Errorf("status %+v, %v", s, err)
	}
	if pid(t, d, tenant) == 0 {
		t.Error("the first tenant has suffered")
	}
}

func TestUnmarkedDirectory(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	tenant := drivertest.Tenant(t, "acme")
	awake(t, d, tenant)
	lull(t, d, tenant)
	mark := filepath.Join(d.tenant(tenant.ID).dir, completeMark)
	if err := os.Remove(mark); err != nil {
		t.Fatal(err)
	}
	if f := failure(t, d, tenant); !strings.Contains(f.Hint, mark) {
		t.Errorf("hint %q", f.Hint)
	}
}

func TestMissingBinaries(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	tenant := drivertest.Tenant(t, "acme")
	tenant.PGVersion = 99
	var failed *wake.FailedError
	if err := d.Provision(t.Context(), tenant); !errors.As(err, &failed) || !strings.Contains(failed.Hint, "postgresql-99") {
		t.Fatalf("provision: %v", err)
	}
	tenant.PGVersion = 0
	awake(t, d, tenant)
	lull(t, d, tenant)
	if err := os.WriteFile(d.tenant(tenant.ID).dataDir()+"/PG_VERSION", []byte("97\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if f := failure(t, d, tenant); !strings.Contains(f.Hint, "postgresql-97") || !strings.Contains(f.Log, "shut down") {
		t.Errorf("failure %+v", f)
	}
}

func TestWrongOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	d := newDriver(t)
	tenant := drivertest.Tenant(t, "acme")
	awake(t, d, tenant)
	lull(t, d, tenant)
	if err := os.Chown(d.tenant(tenant.ID).dataDir(), 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if f := failure(t, d, tenant); !strings.Contains(f.Reason, "12345") {
		t.Errorf("reason %q", f.Reason)
	}
}

func TestRefusedSettings(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	tenant := drivertest.Tenant(t, "acme")
	awake(t, d, tenant)
	lull(t, d, tenant)
	for _, settings := range []map[string]string{
		{"no_such_setting": "1"}, {"work_mem": "much"}, {"listen_addresses": "*"}, {"Include": "x"}, {"work_mem": "1MB\nfsync = off"},
	} {
		tenant.Postgres = settings
		failure(t, d, tenant)
	}
	tenant.Postgres = nil
	rouse(t, d, tenant)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good := Config{DataDir: drivertest.Dir(t), Installations: drivertest.Installations(t), User: drivertest.User(t)}
	for name, change := range map[string]func(*Config){
		"no PostgreSQL": func(c *Config) { c.Installations = nil },
		"too old":       func(c *Config) { c.Installations = []postgres.Installation{{Major: 13}} },
		"long path":     func(c *Config) { c.DataDir += "/" + strings.Repeat("x", 100) },
		"settings":      func(c *Config) { c.Settings = map[string]string{"port": "1"} },
	} {
		config := good
		change(&config)
		if _, err := New(config); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestEmptyTrash(t *testing.T) {
	t.Parallel()
	d := newDriver(t, func(c *Config) { c.KeepDeleted = time.Hour })
	tenant := drivertest.Tenant(t, "acme")
	awake(t, d, tenant)
	deleted := time.Now()
	if err := d.Destroy(t.Context(), tenant, false); err != nil {
		t.Fatal(err)
	}
	if n, err := d.EmptyTrash(t.Context(), deleted.Add(59*time.Minute)); n != 0 || err != nil {
		t.Fatalf("removed %d, %v", n, err)
	}
	if n, err := d.EmptyTrash(t.Context(), deleted.Add(2*time.Hour)); n != 1 || err != nil {
		t.Fatalf("removed %d, %v", n, err)
	}
	if err := d.Restore(t.Context(), tenant); !errors.Is(err, wake.ErrNotProvisioned) {
		t.Errorf("restore: %v", err)
	}
}
