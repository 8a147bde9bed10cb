package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/catalog"
	"postern/wake"
	"postern/wake/drivertest"
	"postern/wake/postgres"
)

// awake provisions a tenant and returns its endpoint.
func awake(t testing.TB, d *Driver, tenant *catalog.Tenant) wake.Endpoint {
	t.Helper()
	if err := d.Provision(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	return rouse(t, d, tenant)
}

func rouse(t testing.TB, d *Driver, tenant *catalog.Tenant) wake.Endpoint {
	t.Helper()
	e, err := d.Wake(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func lull(t testing.TB, d *Driver, tenant *catalog.Tenant) {
	t.Helper()
	if err := d.Suspend(t.Context(), tenant, wake.Suspension{Force: true}); err != nil {
		t.Fatal(err)
	}
}

func pid(t testing.TB, d *Driver, tenant *catalog.Tenant) int {
	t.Helper()
	s, err := d.Status(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	return s.Details["pid"].(int)
}

func TestKilledPostmasterWakesAgain(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	tenant := drivertest.Tenant(t, "acme")
	e := awake(t, d, tenant)
	client := drivertest.Connect(t, e, drivertest.App())
	drivertest.Exec(t, client, "CREATE TABLE kept AS SELECT 42 AS answer")
	// This backend does not look up from its work when its postmaster dies.
	busy := make(chan error)
	go func() {
		_, err := client.Exec(context.WithoutCancel(t.Context()), "DO $$ BEGIN LOOP END LOOP; END $$")
		busy <- err
	}()
	watch := drivertest.Connect(t, e, drivertest.Login{Role: e.Superuser, Database: "postgres"})
	for drivertest.Query(t, watch, "SELECT count(*)::text FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'") != "1" {
		continue
	}
	if err := syscall.Kill(pid(t, d, tenant), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-e.Gone
	if again := rouse(t, d, tenant); again.Run == e.Run {
		t.Errorf("the same run: %s", again.Run)
	} else if got := drivertest.Query(t, drivertest.Connect(t, again, drivertest.App()), "SELECT answer::text FROM kept"); got != "42" {
		t.Errorf("found %q", got)
	}
	if err := <-busy; err == nil {
		t.Error("the leftover backend was not ended")
	}
}

// startStranger starts a process of the account of Postgres that has nothing to do with
// it, until the end of the test.
func startStranger(t testing.TB) *exec.Cmd {
	t.Helper()
	stranger := exec.Command("sleep", "1000")
	stranger.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if user := drivertest.User(t); user.Name != "" {
		stranger.SysProcAttr.Credential = &syscall.Credential{Uid: user.UID, Gid: user.GID}
	}
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stranger.Process.Kill()
		_ = stranger.Wait()
	})
	return stranger
}

// A lock file may name a process that has nothing to do with it: after a
// restart of a container, all numbers are in use again.
func TestStaleLockFiles(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	tenant := drivertest.Tenant(t, "acme")
	e := awake(t, d, tenant)
	postmaster := pid(t, d, tenant)
	if err := syscall.Kill(postmaster, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-e.Gone

	stranger := startStranger(t)
	h := d.tenant(tenant.ID)
	for _, name := range []string{h.dataDir() + "/postmaster.pid", h.dir + "/.s.PGSQL.5432.lock"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(string(b), strconv.Itoa(postmaster), strconv.Itoa(stranger.Process.Pid), 1)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rouse(t, d, tenant)
	if err := stranger.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the stranger was touched: %v", err)
	}
}

func TestProvisionAfterBrokenOff(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	tenant := drivertest.Tenant(t, "acme")
	e := awake(t, d, tenant)
	h := d.tenant(tenant.ID)
	// As if Postern had been killed just before the last step.
	if err := os.Rename(h.dir+"/"+completeMark, h.dir+"/"+provisioningMark); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Wake(t.Context(), tenant); !errors.Is(err, wake.ErrNotProvisioned) {
		t.Fatalf("wake of one that is half made: %v", err)
	}
	if again := awake(t, d, tenant); again.Run == e.Run {
		t.Error("not made anew")
	}
	<-e.Gone
	lull(t, d, tenant)
	// As if it had been killed while it copied.
	if err := os.Rename(h.dir+"/"+completeMark, h.dir+"/"+provisioningMark); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(h.dataDir() + "/global"); err != nil {
		t.Fatal(err)
	}
	drivertest.Connect(t, awake(t, d, tenant), drivertest.App())
}

func TestProvisionGivesEachItsOwnIdentifier(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	seen := make(map[string]bool)
	for n := range 3 {
		e := awake(t, d, drivertest.Tenant(t, catalog.TenantID(fmt.Sprint("acme", n))))
		root := drivertest.Connect(t, e, drivertest.Login{Role: e.Superuser, Database: "postgres"})
		seen[drivertest.Query(t, root, "SELECT system_identifier::text FROM pg_control_system()")] = true
	}
	if len(seen) != 3 {
		t.Errorf("identifiers %v", seen)
	}
}

// Two drivers, as of two proxies, make tenants before there is a template.
func TestTemplateRace(t *testing.T) {
	t.Parallel()
	d := newDriver(t, func(c *Config) { c.DataDir = drivertest.Dir(t) })
	if err := os.Remove(d.config.DataDir + "/templates"); err != nil {
		t.Fatal(err)
	}
	if err := makePassable(d.config.DataDir + "/templates"); err != nil {
		t.Fatal(err)
	}
	// What a killed Postern had begun, with a postmaster that still runs, is in
	// the way of neither.
	installation := d.config.Installations[0]
	place := fmt.Sprintf("%s/templates/%d", d.config.DataDir, installation.Major)
	broken := home{dir: place + ".new", socketDir: d.shortSocketDir(place), user: d.config.User}
	if err := broken.prepare(); err != nil {
		t.Fatal(err)
	}
	if err := broken.initialize(t.Context(), broken.cluster(installation)); err != nil {
		t.Fatal(err)
	}
	i, err := broken.run(t.Context(), broken.cluster(installation), conf(installation.Major))
	if err != nil {
		t.Fatal(err)
	}

	made := make(chan error)
	for n, driver := range []*Driver{d, openDriver(t, d.config)} {
		tenant := drivertest.Tenant(t, catalog.TenantID(fmt.Sprint("acme", n)))
		go func() { made <- driver.Provision(t.Context(), tenant) }()
	}
	for range 2 {
		if err := <-made; err != nil {
			t.Error(err)
		}
	}
	<-i.Gone()
	if _, err := os.Stat(broken.dir); err == nil {
		t.Errorf("%s was left", broken.dir)
	}
}

func TestStopPastItsContext(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	tenant := drivertest.Tenant(t, "acme")
	h := d.tenant(tenant.ID)
	running := func() *postgres.Instance {
		rouse(t, d, tenant)
		i, err := h.cluster(postgres.Installation{}).Running(t.Context())
		if err != nil || i == nil {
			t.Fatalf("running: %v, %v", i, err)
		}
		t.Cleanup(i.Release)
		return i
	}
	awake(t, d, tenant)

	// Cancelled: it goes on stopping, and whoever wakes it next waits for that.
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	i := running()
	if err := h.stop(cancelled, i); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	rouse(t, d, tenant)
	<-i.Gone()

	// Too late: at once.
	late, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	i = running()
	if err := h.stop(late, i); err != nil {
		t.Fatal(err)
	}
	<-i.Gone()
	rouse(t, d, tenant)
}

// What a killed Postern was making is ended and removed at the next start, whether
// its tenant is asked for or not; what somebody is making now is left alone.
func TestRemainsAreCleared(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	broken, whole, busy := drivertest.Tenant(t, "broken"), drivertest.Tenant(t, "whole"), drivertest.Tenant(t, "busy")
	gone := awake(t, d, broken).Gone
	runs := awake(t, d, whole).Run
	awake(t, d, busy)
	for _, tenant := range []*catalog.Tenant{broken, busy} {
		dir := d.tenant(tenant.ID).dir
		if err := os.Rename(dir+"/"+completeMark, dir+"/"+provisioningMark); err != nil {
			t.Fatal(err)
		}
	}
	l, err := d.tenant(busy.ID).lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.release()
	for range 2 {
		if err := openDriver(t, d.config).clearRemains(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	<-gone // hangs if it still runs
	if left, err := os.ReadDir(d.tenant(broken.ID).dir); err != nil || len(left) != 2 {
		t.Errorf("left are %v, %v; want the lock and the mark", left, err)
	}
	if rouse(t, d, whole).Run != runs {
		t.Error("a tenant that is complete was touched")
	}
	if d.tenant(busy.ID).cluster(postgres.Installation{}).PID() == 0 {
		t.Error("a tenant that is being made was touched")
	}
	if err := d.Destroy(t.Context(), broken, true); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(d.tenant(broken.ID).dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its directory after a purge: %v", err)
	}
	awake(t, d, broken) // made anew
}

func TestHalfMadeTemplateIsCleared(t *testing.T) {
	t.Parallel()
	d := newDriver(t, func(c *Config) { c.DataDir = drivertest.Dir(t) })
	if err := os.Remove(d.config.DataDir + "/templates"); err != nil {
		t.Fatal(err)
	}
	if err := makePassable(d.config.DataDir + "/templates"); err != nil {
		t.Fatal(err)
	}
	installation := d.config.Installations[0]
	broken := d.unfinishedTemplate(d.templateDir(installation.Major))
	if err := broken.prepare(); err != nil {
		t.Fatal(err)
	}
	if err := broken.initialize(t.Context(), broken.cluster(installation)); err != nil {
		t.Fatal(err)
	}
	i, err := broken.run(t.Context(), broken.cluster(installation), conf(installation.Major))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.clearRemains(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-i.Gone()
	for _, dir := range []string{broken.dir, broken.socketDir} {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
