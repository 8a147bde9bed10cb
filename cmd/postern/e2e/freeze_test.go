package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"postern/proxy/pgtest"
)

// freezing has idle tenants frozen after a second, and suspended much later.
var freezing = daemonConfig{
	Args: []string{"--idle-timeout", "1h"},
	Env:  []string{"POSTERN_WAKE_PROCESS_FREEZE_AFTER=1s"},
}

// freezes waits until the tenant is frozen with all its processes, and returns its
// postmaster.
func (a *tenant) freezes(t testing.TB) (pid int) {
	t.Helper()
	eventually(t, a.id+" is frozen", func() bool { return a.detail(t).State == "frozen" && a.stopped(t) })
	if pid = a.pid(t); pid == 0 {
		t.Fatal("it has no process")
	}
	return pid
}

// stopped reports whether every process of the tenant is, by the kernel's word.
func (a *tenant) stopped(t testing.TB) bool {
	t.Helper()
	postmaster, count := a.pid(t), 0
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if pid != postmaster && parentOf(pid) != postmaster || !alive(pid) {
			continue
		}
		if !stopped(pid) {
			return false
		}
		count++
	}
	return count > 3
}

func stopped(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") T ")
}

// TestFrozen: an idle tenant is frozen under its clients, who do not notice, and who
// have the server connections that they had.
func TestFrozen(t *testing.T) {
	t.Parallel()
	d := startDev(t, freezing)
	for _, major := range majors(t) {
		acme := d.createTenantOf(t, major, "acme")
		conn := acme.connect(t)
		execute(t, conn, "set timezone to 'Asia/Kathmandu'")
		backend := text(t, conn, "select pg_backend_pid()")
		before := d.wakes(t)
		for range 2 {
			pid := acme.freezes(t)
			wrong := acme.target()
			wrong.Password = "wrong"
			refused(t, wrong, "28P01", "")
			d.must(t, "tenant", "logs", acme.id)
			if !acme.stopped(t) {
				t.Error("a failed login has thawed it")
			}
			if because := acme.detail(t).AwakeBecause; len(because) > 0 {
				t.Errorf("awake because of %q", because)
			}
			if got := text(t, conn, "select pg_backend_pid()"); got != backend {
				t.Errorf("the client is served by process %s, before by %s", got, backend)
			}
			if got := text(t, conn, "show timezone"); got != "Asia/Kathmandu" {
				t.Errorf("timezone is %s", got)
			}
			if now := acme.pid(t); now != pid {
				t.Errorf("it ran as process %d and runs as %d", pid, now)
			}
		}
		if woken := d.wakes(t) - before; woken != 0 {
			t.Errorf("%v wakes", woken)
		}
		// Many at once, in both pool modes, and more than there are connections.
		acme.freezes(t)
		var clients sync.WaitGroup
		for n := range 30 {
			dsn := acme.dsn() + []string{"", "?options=pool_mode%3Dsession"}[n%2]
			clients.Go(func() { query(t, dsn, "select 1") })
		}
		clients.Wait()
	}
}

// TestFrozenIsOperated: what an operator does with a frozen tenant works as with any
// other.
func TestFrozenIsOperated(t *testing.T) {
	t.Parallel()
	d := startDev(t, freezing)
	for verb, then := range map[string]string{
		"suspend": "asleep", "wake": "awake", "pause": "paused", "delete": "deleting",
	} {
		a := d.createTenant(t, "to-"+verb)
		a.freezes(t)
		args := []string{"tenant", verb, a.id}
		if verb == "delete" {
			args = append(args, "--yes")
		}
		d.must(t, args...)
		if state := a.detail(t).State; state != then {
			t.Errorf("%s: its state is %s", verb, state)
		}
		if verb == "wake" {
			query(t, a.dsn(), "select 1")
		} else if left := postgresOf(t, a.dataDir()); len(left) > 0 {
			t.Errorf("%s: left are %v", verb, left)
		}
	}
	a := d.createTenant(t, "more")
	a.freezes(t)
	d.must(t, "tenant", "role", "create", a.id, "reader", "--read-only")
	pid := a.freezes(t)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	query(t, a.dsn(), "select 1")
	a.freezes(t) // and so it is when Postern ends
}

// TestFrozenOverKill: the next Postern finds what the last one has left frozen.
func TestFrozenOverKill(t *testing.T) {
	t.Parallel()
	d := startDev(t, freezing)
	one, two := d.createTenant(t, "one"), d.createTenant(t, "two")
	one.exec(t, "create table t as select 42 as answer")
	pid := one.freezes(t)
	two.freezes(t)
	d.kill9(t)
	if !stopped(pid) {
		t.Error("it does not outlive Postern frozen")
	}
	d.start(t)
	if answer := query(t, one.dsn(), "select answer from t"); answer != "42" {
		t.Error(answer)
	}
	if now := one.pid(t); now != pid {
		t.Errorf("it ran as process %d and runs as %d", pid, now)
	}
	one.freezes(t)
	two.freezes(t) // thawed when it was found, and idle since
	client := pgtest.Connect(t, two.target())
	client.Query("select 1")
	client.ReadUntilReady()
}
