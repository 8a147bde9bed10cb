package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/proxy/auth"
	"postern/proxy/pgtest"
)

// files is a Postern that serves tenants of files, whose Postgres it makes itself.
type files struct {
	*daemon
	dir string
}

func startFiles(t *testing.T, more string) *files {
	t.Helper()
	f := &files{dir: t.TempDir()}
	file := filepath.Join(t.TempDir(), "postern.toml")
	writeFile(t, file, fmt.Sprintf(`
[listen]
postgres = "127.0.0.1:0"
[http]
listen = "127.0.0.1:0"
[catalog]
store = "files"
dir = %q
poll_interval = "100ms"
negative_ttl = "100ms"
%s`, f.dir, more))
	f.daemon = newDaemon(t, daemonConfig{Serve: file})
	f.start(t)
	return f
}

// purge removes every tenant, since serve leaves their instances running.
func (f *files) purge(t testing.TB) {
	t.Helper()
	if !f.running() {
		f.start(t)
	}
	var listed struct{ Tenants []struct{ ID string } }
	f.mustJSON(t, &listed, "tenant", "list")
	for _, a := range listed.Tenants {
		f.must(t, "tenant", "delete", a.ID, "--purge", "--yes")
	}
}

// file writes the file of a tenant whose role app has no more than a verifier.
func (f *files) file(t testing.TB, id string, major int) *tenant {
	t.Helper()
	writeFile(t, filepath.Join(f.dir, id+".toml"), fmt.Sprintf(`
driver = "process"
databases = ["app"]
pg_version = %d
[[roles]]
name = "app"
verifier = %q
`, major, auth.NewVerifier(pgtest.Password).String()))
	a := &tenant{daemon: f.daemon, id: id, password: pgtest.Password}
	eventually(t, "the tenant is known", func() bool { return f.cli(t, "tenant", "get", id).code == 0 })
	return a
}

// TestProvisionOnFirstConnect: a tenant that somebody has written into the catalog
// is made for its first client, for whoever has proved to be one.
func TestProvisionOnFirstConnect(t *testing.T) {
	t.Parallel()
	f := startFiles(t, "")
	defer f.purge(t)
	for _, major := range majors(t) {
		a := f.file(t, fmt.Sprintf("first-%d", major), major)
		for _, role := range []string{"app", "nobody"} {
			if code := tryLogin(t, a, role, "wrong"); code != "28P01" {
				t.Errorf("%s with a wrong password: %s", role, code)
			}
		}
		if _, err := os.Stat(filepath.Dir(a.dataDir())); err == nil || a.detail(t).State != "provisioning" {
			t.Errorf("after strangers it is %s, and its directory: %v", a.detail(t).State, err)
		}
		var all sync.WaitGroup
		for n := range 8 {
			all.Go(func() {
				conn, err := pgx.Connect(t.Context(), a.dsn())
				if err != nil {
					t.Errorf("client %d: %v", n, err)
					return
				}
				defer conn.Close(t.Context())
				if _, err := conn.Exec(t.Context(), fmt.Sprintf("create table t%d (i int)", n)); err != nil {
					t.Errorf("client %d: %v", n, err)
				}
			})
		}
		all.Wait()
		if count := a.text(t, "select count(*) from pg_tables where tablename ~ '^t[0-9]$'"); count != "8" {
			t.Errorf("there are %s tables; they are not all in one place", count)
		}
		a.suspend(t)
		a.mustSleep(t, "a suspend")
		if count := a.text(t, "select count(*) from t0"); count != "0" {
			t.Errorf("after a wake: %s", count)
		}
	}
	none := f.file(t, "none", 9)
	for range 2 {
		if code := tryLogin(t, none, "app", pgtest.Password); code != "57P03" {
			t.Errorf("a version that is not installed: %s", code)
		}
	}
	if found := f.must(t, "tenant", "get", "none", "-o", "json"); none.detail(t).State != "failed" || !strings.Contains(found, "PostgreSQL 9 is not installed") {
		t.Errorf("it is\n%s", found)
	}
	none = f.file(t, "none", majors(t)[0])
	eventually(t, "a file that was mended makes its tenant", func() bool {
		return tryLogin(t, none, "app", pgtest.Password) == "no error"
	})
}

// TestProvisionKilled kills Postern without a warning while it makes a tenant for
// its first client. Afterwards nothing is half there: the tenant is whole, or there
// is nothing of it, and its next client finds it whole.
func TestProvisionKilled(t *testing.T) {
	t.Parallel()
	count, seed := 4, rand.Uint64()
	if given, err := strconv.Atoi(os.Getenv(killsVariable)); err == nil {
		count = given
	}
	if given, err := strconv.ParseUint(os.Getenv(soakSeedVariable), 10, 64); err == nil {
		seed = given
	}
	random := rand.New(rand.NewPCG(seed, 0))
	f := startFiles(t, "")
	defer f.purge(t)
	whole := 0
	for n := range count {
		a := f.file(t, fmt.Sprintf("t%d", n), majors(t)[n%len(majors(t))])
		var client sync.WaitGroup
		client.Go(func() { // it may fail: its Postern is killed
			conn, err := pgx.Connect(t.Context(), a.dsn())
			if err == nil {
				_ = conn.Close(t.Context())
			}
		})
		time.Sleep(time.Duration(random.IntN(600)) * time.Millisecond)
		f.kill9(t)
		client.Wait()
		f.start(t)
		if random.IntN(2) == 0 { // nobody asks for it
			home := filepath.Dir(a.dataDir())
			eventually(t, "nothing is half there", func() bool {
				_, making := os.Stat(filepath.Join(home, "provisioning"))
				_, data := os.Stat(a.dataDir())
				return making != nil || data != nil && len(postgresOf(t, home)) == 0
			})
		}
		if a.detail(t).State == "awake" {
			whole++
		}
		a.exec(t, "create table kept (i int)")
		a.suspend(t)
		if rows := a.text(t, "select count(*) from kept"); rows != "0" {
			t.Errorf("after kill %d: %s", n, rows)
		}
	}
	t.Logf("seed %d: of %d, %d were made in spite of it", seed, count, whole)
}

// TestProvisionUnknown: with the rule on, a client that has its password makes the
// tenant that it names. Nobody else does.
func TestProvisionUnknown(t *testing.T) {
	t.Parallel()
	d := startDev(t, daemonConfig{Env: []string{
		"POSTERN_WAKE_PROVISION_UNKNOWN=true",
		"POSTERN_WAKE_PROVISION_UNKNOWN_VERIFIER=" + auth.NewVerifier("the rule's").String(),
		"POSTERN_WAKE_PROVISION_UNKNOWN_RATE=1",
	}})
	a := &tenant{daemon: d, id: "fresh", password: "the rule's"}
	for role, password := range map[string]string{"app": "wrong", "postgres": "the rule's"} {
		if code := tryLogin(t, a, role, password); code != "28P01" {
			t.Errorf("%s: %s", role, code)
		}
	}
	if r := d.cli(t, "tenant", "get", "fresh"); r.code != 3 {
		t.Errorf("a stranger has made a tenant: exit code %d, %s", r.code, r.stdout)
	}
	a.exec(t, "create table kept (i int)")
	a.suspend(t)
	if rows := a.text(t, "select count(*) from kept"); rows != "0" {
		t.Errorf("after a wake: %s", rows)
	}
	second := &tenant{daemon: d, id: "second", password: "the rule's"}
	if code := tryLogin(t, second, "app", second.password); code != "53400" {
		t.Errorf("one more in this minute: %s", code)
	}
}

// spares are the postmasters of dev that are nobody's yet.
func (d *daemon) spares(t testing.TB) map[int]bool {
	t.Helper()
	found := map[int]bool{}
	running := postgresOf(t, filepath.Join(d.dataDir, "spares"))
	for pid := range running {
		if _, child := running[parentOf(pid)]; !child {
			found[pid] = true
		}
	}
	return found
}

// TestSpares: a new tenant gets an instance that runs already. Neither a crash nor
// the end of Postern leaves one behind.
func TestSpares(t *testing.T) {
	t.Parallel()
	d := startDev(t, daemonConfig{Env: []string{"POSTERN_WAKE_PROCESS_SPARES=2"}})
	var running map[int]bool
	ready := func() bool {
		running = d.spares(t)
		return len(running) == 2
	}
	eventually(t, "spares run", ready)
	a := d.createTenant(t, "acme")
	if !running[a.pid(t)] {
		t.Errorf("the tenant has the postmaster %d, spares were %v", a.pid(t), running)
	}
	a.exec(t, "create table kept (i int)")
	d.kill9(t)
	d.start(t)
	if rows := a.text(t, "select count(*) from kept"); rows != "0" {
		t.Errorf("after a crash: %s", rows)
	}
	a.suspend(t)
	a.mustSleep(t, "a suspend")
	if rows := a.text(t, "select count(*) from kept"); rows != "0" {
		t.Errorf("after a wake: %s", rows)
	}
	eventually(t, "spares run again", ready)
}
