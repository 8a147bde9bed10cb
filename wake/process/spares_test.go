package process

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"

	"postern/catalog"
	"postern/wake/drivertest"
	"postern/wake/postgres"
)

// newSparing makes a driver with spares that run, and ends those at the end.
func newSparing(t testing.TB, count int, change ...func(*Config)) *Driver {
	t.Helper()
	d := newDriver(t, append(change, func(c *Config) { c.Spares = count })...)
	t.Cleanup(func() {
		if err := d.StopSpares(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	prepare(t, d)
	return d
}

// runningSpares are the postmasters of the newest version's spares, by their places.
func runningSpares(t testing.TB, d *Driver) map[string]int {
	t.Helper()
	s := d.spares(d.config.Installations[0].Major, 0)
	names, err := s.names()
	if err != nil {
		t.Fatal(err)
	}
	running := map[string]int{}
	for _, name := range names {
		h := s.home(name)
		if _, err := os.Readlink(h.dir); err == nil {
			continue
		}
		if pid := h.cluster(postgres.Installation{}).PID(); pid != 0 {
			running[h.dir] = pid
		}
	}
	return running
}

// A spare becomes a tenant's without a start, and is as any other from then on.
func TestSpareIsTaken(t *testing.T) {
	t.Parallel()
	for _, place := range []string{"", strings.Repeat("/long", 9)} { // the socket elsewhere
		d := newSparing(t, 1, func(c *Config) { c.DataDir += place })
		spares := runningSpares(t, d)
		if len(spares) != 1 {
			t.Fatalf("running are %v", spares)
		}
		tenant := drivertest.Tenant(t, "acme")
		e := awake(t, d, tenant)
		app := drivertest.Connect(t, e, drivertest.App())
		drivertest.Exec(t, app, "CREATE TABLE kept AS SELECT 42 AS answer")
		for dir, was := range spares {
			if is := pid(t, d, tenant); is != was {
				t.Errorf("the tenant's postmaster is %d, the spare's was %d", is, was)
			}
			// What the postmaster looks for at its old place is found.
			root := drivertest.Connect(t, e, drivertest.Login{Role: e.Superuser, Database: "postgres"})
			drivertest.Exec(t, root, "ALTER SYSTEM SET work_mem = '3MB'")
			drivertest.Exec(t, root, "SELECT pg_reload_conf()")
			for drivertest.Query(t, drivertest.Connect(t, e, drivertest.App()), "SHOW work_mem") != "3MB" {
				continue
			}
			// What leads to the tenant now is no spare for the next one.
			second := drivertest.Tenant(t, "second")
			if awake(t, d, second); pid(t, d, second) == was || pid(t, d, tenant) != was {
				t.Error("the tenant's instance was given to another")
			}
			// The link stays as long as it is of use.
			prepare(t, openDriver(t, d.config))
			if _, err := os.Readlink(dir); err != nil {
				t.Error(err)
			}
			lull(t, d, tenant)
			<-e.Gone
			for _, name := range []string{socket(d.tenant(tenant.ID).socketDir), socketLock(d.tenant(tenant.ID).socketDir)} {
				if _, err := os.Lstat(name); err == nil {
					t.Errorf("%s is left", name)
				}
			}
			e = rouse(t, d, tenant)
			if got := drivertest.Query(t, drivertest.Connect(t, e, drivertest.App()), "SELECT answer::text FROM kept"); got != "42" {
				t.Errorf("found %q", got)
			}
			if !startedIn(pid(t, d, tenant), d.tenant(tenant.ID).dataDir()) {
				t.Error("it was not started in its own place")
			}
			prepare(t, d)
			if _, err := os.Lstat(dir); err == nil {
				t.Errorf("%s is left", dir)
			}
		}
		if err := d.Destroy(t.Context(), tenant, false); err != nil {
			t.Fatal(err)
		}
		if err := d.Restore(t.Context(), tenant); err != nil {
			t.Fatal(err)
		}
		drivertest.Connect(t, rouse(t, d, tenant), drivertest.App())
	}
}

// Each spare is one tenant's; who finds none gets another instance. Tenants with
// settings of their own need a start.
func TestSparesAreTakenOnce(t *testing.T) {
	t.Parallel()
	d := newSparing(t, 2)
	other := openDriver(t, d.config)
	spares := runningSpares(t, d)
	own := drivertest.Tenant(t, "own")
	own.Postgres = map[string]string{"work_mem": "3MB"}
	if app := drivertest.Connect(t, awake(t, d, own), drivertest.App()); drivertest.Query(t, app, "SHOW work_mem") != "3MB" {
		t.Error("its own setting is not in effect")
	}
	if len(runningSpares(t, d)) != len(spares) {
		t.Error("it took a spare")
	}
	tenants := []*catalog.Tenant{}
	work, ctx := errgroup.WithContext(t.Context())
	for n := range 4 {
		tenant := drivertest.Tenant(t, catalog.TenantID(fmt.Sprint("acme-", n)))
		tenants = append(tenants, tenant)
		work.Go(func() error { return []*Driver{d, other}[n%2].Provision(ctx, tenant) })
	}
	if err := work.Wait(); err != nil {
		t.Fatal(err)
	}
	taken, seen := 0, map[string]bool{}
	for _, tenant := range tenants {
		for _, was := range spares {
			if pid(t, d, tenant) == was {
				taken++
			}
		}
		seen[runningIdentifier(t, d, tenant)] = true
	}
	if taken != 2 || len(seen) != len(tenants) {
		t.Errorf("%d spares were taken; the system identifiers are %v", taken, seen)
	}
}

// What runs is found again after a crash, what has stopped is started again, and
// what is of no use is ended.
func TestSparesAreKept(t *testing.T) {
	t.Parallel()
	d := newSparing(t, 2)
	first := runningSpares(t, d)
	adopting := openDriver(t, d.config)
	adopting.hasRoom = d.hasRoom
	prepare(t, adopting)
	if again := runningSpares(t, d); fmt.Sprint(again) != fmt.Sprint(first) {
		t.Errorf("running are %v, before %v", again, first)
	}
	for dir, pid := range first { // one is killed
		i, err := home{dir: dir, user: d.config.User}.cluster(postgres.Installation{}).Found()
		if err != nil || i == nil {
			t.Fatal(i, err)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-i.Gone()
		break
	}
	prepare(t, adopting)
	second := runningSpares(t, d)
	for dir := range first {
		if second[dir] == 0 {
			t.Errorf("%s does not run", dir)
		}
	}
	if err := adopting.StopSpares(t.Context()); err != nil {
		t.Fatal(err)
	}
	if running := runningSpares(t, d); len(running) != 0 {
		t.Errorf("running at the end: %v", running)
	}
	prepare(t, adopting)
	if running := runningSpares(t, d); len(running) != len(first) {
		t.Errorf("running after another start: %v", running)
	}

	config := d.config
	config.Settings = map[string]string{"work_mem": "3MB"}
	config.Spares = 1
	changed := openDriver(t, config)
	prepare(t, changed)
	running := runningSpares(t, d)
	for dir := range running {
		if _, old := first[dir]; old || len(running) != 1 {
			t.Errorf("running with other settings: %v, before %v", running, first)
		}
	}
	config.Spares = 0
	none := openDriver(t, config)
	prepare(t, none)
	left, err := os.ReadDir(filepath.Join(d.config.DataDir, "spares", fmt.Sprint(d.config.Installations[0].Major)))
	if err != nil || len(left) != 0 || len(runningSpares(t, d)) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// A tenant whose spare could not be taken whole is made anew; so is one whose
// Postern was killed in the middle.
func TestSpareIsTakenInPart(t *testing.T) {
	t.Parallel()
	d := newSparing(t, 1)
	tenant := drivertest.Tenant(t, "acme")
	for dir := range runningSpares(t, d) {
		if err := os.Remove(socketLock(dir)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Provision(t.Context(), tenant); err == nil {
		t.Fatal("taken")
	}
	if _, err := os.Stat(d.tenant(tenant.ID).dataDir()); err == nil {
		t.Error("something is left of it")
	}
	prepare(t, d)
	drivertest.Connect(t, awake(t, d, tenant), drivertest.App())
	if running := runningSpares(t, d); len(running) != 0 {
		t.Errorf("not taken: %v", running)
	}
}
