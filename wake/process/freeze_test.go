package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"postern/catalog"
	"postern/wake"
	"postern/wake/drivertest"
	"postern/wake/postgres"
)

// states are those of the postmaster and its children, from the kernel: 'T' for one
// that is stopped. Those that have ended do not count.
func states(t testing.TB, postmaster int) string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, e := range entries {
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		var pid, parent int
		var name, state string
		if _, err := fmt.Sscan(string(stat), &pid, &name, &state, &parent); err != nil || state == "Z" {
			continue // a name of several words is none of Postgres
		}
		if pid == postmaster || parent == postmaster {
			all.WriteString(state)
		}
	}
	return all.String()
}

// frozen reports whether all processes of the tenant are stopped.
func frozen(t testing.TB, d *Driver, tenant *catalog.Tenant) bool {
	t.Helper()
	all := states(t, pid(t, d, tenant))
	if len(all) < 4 { // a postmaster and those that every one has
		t.Fatalf("processes: %q", all)
	}
	return strings.Trim(all, "T") == ""
}

// freeze freezes the tenant with these connections as Postern's own. At the end of the
// test it is thawed, since connections are closed then.
func freeze(t testing.TB, d *Driver, tenant *catalog.Tenant, own ...*pgx.Conn) {
	t.Helper()
	t.Cleanup(func() { _ = d.Thaw(context.WithoutCancel(t.Context()), tenant) })
	if err := d.Freeze(t.Context(), tenant, wake.Freezing{Backends: backends(own...)}); err != nil {
		t.Fatal(err)
	}
	if !frozen(t, d, tenant) {
		t.Fatal("not frozen")
	}
}

func backends(own ...*pgx.Conn) (pids []uint32) {
	for _, conn := range own {
		pids = append(pids, conn.PgConn().PID())
	}
	return pids
}

func TestFreeze(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	tenant := drivertest.Tenant(t, "acme")
	e := awake(t, d, tenant)
	conn := drivertest.Connect(t, e, drivertest.App())
	drivertest.Exec(t, conn, "CREATE TEMPORARY TABLE kept AS SELECT 42 AS answer")
	for range 3 {
		freeze(t, d, tenant, conn)
		if s, err := d.Status(t.Context(), tenant); err != nil || !s.Running {
			t.Errorf("status of a frozen one: %+v, %v", s, err)
		}
		if !frozen(t, d, tenant) {
			t.Error("a look has thawed it")
		}
		for range 2 {
			if err := d.Thaw(t.Context(), tenant); err != nil {
				t.Fatal(err)
			}
		}
		if got := drivertest.Query(t, conn, "SELECT answer::text FROM kept"); got != "42" {
			t.Errorf("got %q", got)
		}
	}
	freeze(t, d, tenant, conn)
	freeze(t, d, tenant, conn) // once more
	if again := rouse(t, d, tenant); again.Run != e.Run || frozen(t, d, tenant) {
		t.Errorf("run %s, was %s", again.Run, e.Run)
	}
	lull(t, d, tenant)
	if err := d.Thaw(t.Context(), tenant); err != nil {
		t.Errorf("thaw of one that sleeps: %v", err)
	}
	if err := d.Freeze(t.Context(), tenant, wake.Freezing{}); err == nil {
		t.Error("one that sleeps was frozen")
	}
}

// What is at work is not frozen, whoever it is, and does not feel the try.
func TestFreezeBusy(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	tenant := drivertest.Tenant(t, "acme")
	e := awake(t, d, tenant)
	own, other := drivertest.Connect(t, e, drivertest.App()), drivertest.Connect(t, e, drivertest.App())
	wanted := make(chan struct{})
	busy := func(what string, f wake.Freezing) {
		t.Helper()
		var busy *wake.BusyError
		if err := d.Freeze(t.Context(), tenant, f); !errors.As(err, &busy) || len(busy.Because) == 0 {
			t.Errorf("%s: %v", what, err)
		}
		drivertest.Connect(t, e, drivertest.App()).Close(t.Context()) // the postmaster runs
	}
	busy("a session of somebody else", wake.Freezing{Backends: backends(own)})
	drivertest.Exec(t, other, "BEGIN")
	busy("a transaction", wake.Freezing{Backends: backends(own, other)})
	drivertest.Exec(t, other, "COMMIT")
	close(wanted)
	busy("somebody waits", wake.Freezing{Backends: backends(own, other), Wanted: wanted})
	if got := drivertest.Query(t, other, "SELECT '1'"); got != "1" {
		t.Errorf("got %q", got)
	}
	freeze(t, d, tenant, own, other)
}

// A query that arrives while the instance is being frozen, or is frozen, is answered
// after the thaw.
func TestFreezeUnderQueries(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	tenant := drivertest.Tenant(t, "acme")
	conn := drivertest.Connect(t, awake(t, d, tenant), drivertest.App())
	own := backends(conn)
	ctx, end := context.WithCancel(t.Context())
	asked := make(chan int)
	go func() {
		n := 0
		for ; ctx.Err() == nil; n++ {
			if got := drivertest.Query(t, conn, "SELECT '1'"); got != "1" {
				t.Errorf("got %q", got)
			}
		}
		asked <- n
	}()
	done, refused := 0, 0
	for done < 5 {
		var busy *wake.BusyError
		switch err := d.Freeze(t.Context(), tenant, wake.Freezing{Backends: own}); {
		case err == nil:
			done++
			if !frozen(t, d, tenant) {
				t.Error("not frozen")
			}
		case errors.As(err, &busy):
			refused++
		default:
			t.Fatal(err)
		}
		if err := d.Thaw(t.Context(), tenant); err != nil {
			t.Fatal(err)
		}
	}
	end()
	t.Logf("%d queries, %d freezes, %d given up", <-asked, done, refused)
}

// Another Postern, or the next one after a crash, finds what was frozen, and whatever
// it does with it works.
func TestFrozenByAnother(t *testing.T) {
	t.Parallel()
	for what, use := range map[string]func(*testing.T, *Driver, *catalog.Tenant){
		"wake": func(t *testing.T, d *Driver, tenant *catalog.Tenant) {
			if got := drivertest.Query(t, drivertest.Connect(t, rouse(t, d, tenant), drivertest.App()), "SELECT '1'"); got != "1" {
				t.Errorf("got %q", got)
			}
		},
		"suspend": lullNow,
		"destroy": func(t *testing.T, d *Driver, tenant *catalog.Tenant) {
			if err := d.Destroy(t.Context(), tenant, false); err != nil {
				t.Fatal(err)
			}
			if err := d.Restore(t.Context(), tenant); err != nil {
				t.Fatal(err)
			}
		},
		"purge": func(t *testing.T, d *Driver, tenant *catalog.Tenant) {
			if err := d.Destroy(t.Context(), tenant, true); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			d := newDriver(t)
			tenant := drivertest.Tenant(t, "acme")
			e := awake(t, d, tenant)
			freeze(t, d, tenant)
			d.Close()
			use(t, openDriver(t, d.config), tenant)
			if what == "wake" {
				return
			}
			if all := states(t, postmasterOf(e)); all != "" {
				t.Errorf("processes are left: %q", all)
			}
		})
	}
}

func lullNow(t *testing.T, d *Driver, tenant *catalog.Tenant) { lull(t, d, tenant) }

// postmasterOf is the process of a run.
func postmasterOf(e wake.Endpoint) (pid int) {
	fmt.Sscanf(e.Run, "%d-", &pid)
	return pid
}

// A freeze or thaw that was broken off in its middle still shows, and what a killed
// postmaster has left frozen is ended.
func TestHalfFrozen(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	tenant := drivertest.Tenant(t, "acme")
	e := awake(t, d, tenant)
	postmaster := postmasterOf(e)
	if err := syscall.Kill(postmaster, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(states(t, postmaster), "T") { // it takes a moment to heed it
		continue
	}
	if again := rouse(t, d, tenant); again.Run != e.Run {
		t.Errorf("run %s, was %s", again.Run, e.Run)
	}
	freeze(t, d, tenant)
	if err := syscall.Kill(postmaster, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	dataDir, err := os.Stat(d.tenant(tenant.ID).dataDir())
	if err != nil {
		t.Fatal(err)
	}
	if again := rouse(t, d, tenant); again.Run == e.Run {
		t.Errorf("the same run: %s", again.Run)
	}
	lull(t, d, tenant)
	if i, err := d.tenant(tenant.ID).cluster(postgres.Installation{}).Found(); i != nil || err != nil {
		t.Errorf("found %v, %v", i, err)
	}
	for _, cwd := range workingDirectories(t) {
		if os.SameFile(cwd, dataDir) {
			t.Error("a process is left")
		}
	}
}

// workingDirectories are those of all processes.
func workingDirectories(t testing.TB) (all []os.FileInfo) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := os.Stat("/proc/" + e.Name() + "/cwd"); err == nil {
			all = append(all, info)
		}
	}
	return all
}
