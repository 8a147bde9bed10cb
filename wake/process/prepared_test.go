package process

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"postern/catalog"
	"postern/wake/drivertest"
	"postern/wake/postgres"
)

// prepare fills up the driver's prepared clones of the newest version. The disk
// of who runs the tests may be as full as it likes.
func prepare(t testing.TB, d *Driver) {
	t.Helper()
	d.hasRoom = func(string) (bool, error) { return true, nil }
	if _, err := d.template(t.Context(), d.config.Installations[0]); err != nil {
		t.Fatal(err)
	}
	if err := d.refill(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// readyOnes are the clones of the newest version that lie ready: their paths by
// the system identifiers in their names.
func readyOnes(t testing.TB, d *Driver) map[string]string {
	t.Helper()
	p := d.prepared(d.config.Installations[0].Major)
	names, err := p.names()
	if err != nil {
		t.Fatal(err)
	}
	ready := map[string]string{}
	for _, name := range names {
		if _, own, _ := strings.Cut(name, "-"); !strings.HasSuffix(name, unfinished) {
			ready[own] = filepath.Join(p.dir, name)
		}
	}
	return ready
}

// runningIdentifier asks the tenant's instance for its system identifier.
func runningIdentifier(t *testing.T, d *Driver, tenant *catalog.Tenant) string {
	t.Helper()
	e := rouse(t, d, tenant)
	drivertest.Connect(t, e, drivertest.App())
	root := drivertest.Connect(t, e, drivertest.Login{Role: e.Superuser, Database: "postgres"})
	return drivertest.Query(t, root, "SELECT lpad(to_hex(system_identifier), 16, '0') FROM pg_control_system()")
}

func TestProvisionTakesPrepared(t *testing.T) {
	t.Parallel()
	d := newDriver(t, func(c *Config) { c.Prepared = 2 })
	prepare(t, d)
	ready := readyOnes(t, d)
	if len(ready) != 2 {
		t.Fatalf("ready: %v", ready)
	}
	infos := map[string]os.FileInfo{}
	for identifier, path := range ready {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.config.User.CheckOwner(path); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: mode %s, %v", path, info.Mode(), err)
		}
		infos[identifier] = info
	}
	seen := map[string]bool{}
	for n := range 3 { // the third one finds none
		tenant := drivertest.Tenant(t, catalog.TenantID(fmt.Sprint("acme-", n)))
		if err := d.Provision(t.Context(), tenant); err != nil {
			t.Fatal(err)
		}
		identifier := runningIdentifier(t, d, tenant)
		info, err := os.Stat(d.tenant(tenant.ID).dataDir())
		if err != nil {
			t.Fatal(err)
		}
		if known := infos[identifier]; (known != nil) != (n < 2) || known != nil && !os.SameFile(known, info) {
			t.Errorf("tenant %d has %s, prepared were %v", n, identifier, ready)
		}
		if seen[identifier] {
			t.Errorf("two tenants have the system identifier %s", identifier)
		}
		seen[identifier] = true
	}
	if left := readyOnes(t, d); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// Two drivers on one directory make tenants and refill, all at once.
func TestConcurrentCreates(t *testing.T) {
	t.Parallel()
	d := newDriver(t, func(c *Config) { c.Prepared = 2 })
	prepare(t, d)
	other := openDriver(t, d.config)
	other.hasRoom = d.hasRoom
	tenants := []*catalog.Tenant{}
	work, ctx := errgroup.WithContext(t.Context())
	for n := range 4 {
		driver := []*Driver{d, other}[n%2]
		tenant := drivertest.Tenant(t, catalog.TenantID(fmt.Sprint("acme-", n)))
		tenants = append(tenants, tenant)
		work.Go(func() error { return driver.Provision(ctx, tenant) })
	}
	work.Go(func() error { return d.refill(ctx) })
	work.Go(func() error { return other.refill(ctx) })
	if err := work.Wait(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, tenant := range tenants {
		seen[runningIdentifier(t, d, tenant)] = true
	}
	if len(seen) != len(tenants) {
		t.Errorf("%d tenants have the system identifiers %v", len(tenants), seen)
	}
}

// Whoever renames a clone has the whole of it: takers get none twice, and none
// that is being removed.
func TestRenameDecides(t *testing.T) {
	t.Parallel()
	const clones, files, takers = 200, 5, 4
	dir := t.TempDir()
	p := prepared{dir: filepath.Join(dir, "15")}
	for n := range clones {
		for f := range files {
			place := filepath.Join(p.dir, fmt.Sprintf("%016x-%016x", 1, n), fmt.Sprint(f))
			if err := os.MkdirAll(place, 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	var mu sync.Mutex
	taken := 0 // under mu
	var work errgroup.Group
	work.Go(func() error {
		_, err := p.tidy(t.Context(), 1, 0)
		return err
	})
	for taker := range takers {
		work.Go(func() error {
			for n := 0; ; n++ {
				to := filepath.Join(dir, fmt.Sprint(taker, "-", n))
				if moved, err := p.take(1, to); err != nil || !moved {
					return err
				}
				entries, err := os.ReadDir(to)
				if err != nil || len(entries) != files {
					return fmt.Errorf("took %d of %d files: %v", len(entries), files, err)
				}
				mu.Lock()
				taken++
				mu.Unlock()
			}
		})
	}
	if err := work.Wait(); err != nil {
		t.Fatal(err)
	}
	if left, err := p.names(); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	t.Logf("%d were taken, %d removed", taken, clones-taken)
}

func TestUselessClonesAreRemoved(t *testing.T) {
	t.Parallel()
	d := newDriver(t, func(c *Config) { c.Prepared = 2 })
	prepare(t, d)
	p := d.prepared(d.config.Installations[0].Major)
	names, err := p.names()
	if err != nil || len(names) != 2 {
		t.Fatal(names, err)
	}
	useless := map[string]string{
		"half made":           strings.Repeat("1", 16) + "-" + strings.Repeat("2", 16) + unfinished,
		"of another template": strings.Repeat("1", 16) + "-" + strings.Repeat("3", 16),
		"of another version":  "../9/" + strings.Repeat("1", 16) + "-" + strings.Repeat("2", 16),
	}
	for _, name := range useless {
		place := filepath.Join(p.dir, name)
		if err := os.MkdirAll(filepath.Join(place, "base"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := d.config.User.Own(place); err != nil {
			t.Fatal(err)
		}
	}
	if os.Geteuid() == 0 {
		useless["of another account"] = names[0]
		if err := os.Chown(filepath.Join(p.dir, names[0]), int(d.config.User.UID)+1, 0); err != nil {
			t.Fatal(err)
		}
	}
	template, err := postgres.SystemIdentifier(home{dir: d.templateDir(d.config.Installations[0].Major)}.dataDir())
	if err != nil {
		t.Fatal(err)
	}
	for why, name := range useless {
		if p.usable(name, template) {
			t.Errorf("usable, though %s", why)
		}
	}
	prepare(t, d)
	for why, name := range useless {
		if _, err := os.Stat(filepath.Join(p.dir, name)); err == nil {
			t.Errorf("not removed, though %s", why)
		}
	}
	ready := readyOnes(t, d)
	_, own, _ := strings.Cut(names[1], "-")
	if len(ready) != 2 || ready[own] == "" {
		t.Errorf("ready: %v, before: %v", ready, names)
	}
}

func TestBrokenOffRefill(t *testing.T) {
	t.Parallel()
	d := newDriver(t, func(c *Config) { c.Prepared = 2 })
	prepare(t, d)
	p := d.prepared(d.config.Installations[0].Major)
	ctx, cancel := context.WithCancel(t.Context())
	d.hasRoom = func(string) (bool, error) {
		cancel() // just before the first file
		return true, nil
	}
	for _, path := range readyOnes(t, d) {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.refill(ctx); err == nil {
		t.Error("refilled after the end")
	}
	if names, err := p.names(); err != nil || len(names) != 0 {
		t.Errorf("left: %v, %v", names, err)
	}
}

func TestNothingPrepared(t *testing.T) {
	t.Parallel()
	d := newDriver(t, func(c *Config) { c.Prepared = 1 })
	prepare(t, d)
	config := d.config
	config.Prepared = 0
	none := openDriver(t, config)
	tenant := drivertest.Tenant(t, "acme")
	awake(t, none, tenant)
	if left := readyOnes(t, d); len(left) != 1 {
		t.Errorf("taken with none wanted: %v", left)
	}
	prepare(t, none)
	if left := readyOnes(t, d); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		free, all uint64
		want      bool
	}{
		{1 << 30, 10 << 30, true}, {1<<30 - 1, 10 << 30, false},
		{50 << 30, 1000 << 30, true}, {50<<30 - 1, 1000 << 30, false}, {0, 0, false},
	} {
		if got := roomy(c.free, c.all); got != c.want {
			t.Errorf("%d of %d free: %v", c.free, c.all, got)
		}
	}
	d := newDriver(t, func(c *Config) { c.Prepared = 2 })
	prepare(t, d)
	awake(t, d, drivertest.Tenant(t, "acme"))
	d.hasRoom = func(string) (bool, error) { return false, nil }
	if err := d.refill(t.Context()); err == nil || !strings.Contains(err.Error(), "nearly full") {
		t.Errorf("refill: %v", err)
	}
	if left := readyOnes(t, d); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}

// Run notices each tenant that was made, the first one of a version too.
func TestRun(t *testing.T) {
	t.Parallel()
	d := newDriver(t, func(c *Config) { c.Prepared = 1 })
	d.hasRoom = func(string) (bool, error) { return true, nil }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	go func() { ended <- d.Run(ctx) }()
	for n := range 2 {
		before := readyOnes(t, d)
		awake(t, d, drivertest.Tenant(t, catalog.TenantID(fmt.Sprint("acme-", n))))
		for same := true; same; {
			<-look.C
			for identifier := range readyOnes(t, d) {
				same = same && before[identifier] != ""
			}
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
