package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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

func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := drivertest.Dir(t)
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=160m,mode=0711"); err != nil {
		t.Skipf("a small file system is needed: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	d := newDriver(t, func(c *Config) { c.DataDir = dir })
	tenant := drivertest.Tenant(t, "acme")
	d.hasRoomToMake = func(string) (bool, error) { return true, nil }
	awake(t, d, tenant)
	lull(t, d, tenant)
	filler := dir + "/filler"
	f, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 1<<16))
	}
	if f.Close(); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	if f := failure(t, d, tenant); !strings.Contains(f.Reason, "the disk is full") {
		t.Errorf("reason %q, log %q", f.Reason, f.Log)
	}
	if err := d.Provision(t.Context(), drivertest.Tenant(t, "beta")); !errors.Is(err, wake.ErrNoRoom) {
		t.Errorf("provision: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	rouse(t, d, tenant)
}

func TestSocketTaken(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	tenant := drivertest.Tenant(t, "acme")
	awake(t, d, tenant)
	lull(t, d, tenant)
	stranger := startStranger(t)
	lock := d.tenant(tenant.ID).dir + "/.s.PGSQL.5432.lock"
	text := fmt.Sprintf("%d\n/nowhere\n%d\n5432\n\n", stranger.Process.Pid, time.Now().Unix())
	if err := os.WriteFile(lock, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if f := failure(t, d, tenant); !strings.Contains(f.Reason, "socket is taken") || !strings.Contains(f.Log, ".lock") {
		t.Errorf("reason %q, log %q", f.Reason, f.Log)
	}
	if err := stranger.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the stranger was touched: %v", err)
	}
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	rouse(t, d, tenant)
}

func TestDataGone(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	tenant := drivertest.Tenant(t, "acme")
	awake(t, d, tenant)
	lull(t, d, tenant)
	data := d.tenant(tenant.ID).dataDir()
	if err := os.Rename(data+"/global", data+"/lost"); err != nil {
		t.Fatal(err)
	}
	if f := failure(t, d, tenant); !strings.Contains(f.Log, "global/pg_control") {
		t.Errorf("reason %q, log %q", f.Reason, f.Log)
	}
	if err := os.Remove(data + "/PG_VERSION"); err != nil {
		t.Fatal(err)
	}
	if f := failure(t, d, tenant); !strings.Contains(f.Reason, "not a data directory") || f.Log == "" {
		t.Errorf("reason %q, log %q", f.Reason, f.Log)
	}
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Wake(t.Context(), tenant); !errors.Is(err, wake.ErrNotProvisioned) {
		t.Errorf("wake: %v", err)
	}
}

// A postmaster that is killed while it starts is a failure with a reason, and the next
// wake finds nothing in its way.
func TestKilledDuringStart(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	tenant := drivertest.Tenant(t, "acme")
	awake(t, d, tenant)
	cluster := d.tenant(tenant.ID).cluster(postgres.Installation{})
	for {
		lull(t, d, tenant)
		woken := make(chan error, 1)
		go func() {
			_, err := d.Wake(t.Context(), tenant)
			woken <- err
		}()
		var err error
		for pid, over := 0, false; !over; {
			if pid == 0 {
				if pid = cluster.PID(); pid != 0 {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
			select {
			case err = <-woken:
				over = true
			default:
			}
		}
		var failed *wake.FailedError
		if errors.As(err, &failed) {
			if !strings.Contains(failed.Reason, "ended while starting") || failed.Log == "" {
				t.Errorf("reason %q, log %q", failed.Reason, failed.Log)
			}
			break
		}
		rouse(t, d, tenant) // it was ready already
	}
	rouse(t, d, tenant)
}
