package e2e

import (
	"net"
	"net/http"
	"syscall"
	"testing"

	"postern/proxy/pgtest"
)

// TestTerminate: on TERM, load balancers are told first, idle clients are ended,
// busy ones may finish, and then everything stops.
// Promises: G112.
func TestTerminate(t *testing.T) {
	t.Parallel()
	d := startDev(t, daemonConfig{})
	acme := d.createTenant(t, "acme")
	acme.exec(t, "create table t(i int)")
	other := d.createTenant(t, "other")
	acme.exec(t, "select") // its login is known
	idle, busy := pgtest.Connect(t, acme.target()), pgtest.Connect(t, acme.target())
	busy.Query("begin; insert into t values (42)")
	busy.ReadUntilReady()

	d.signal(t, syscall.SIGTERM)
	endedWith(t, idle, "57P01")
	d.notReady(t)
	eventually(t, "a draining Postern takes no clients", func() bool {
		conn, err := net.Dial("tcp", d.postgres)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	busy.Query("insert into t values (43)")
	busy.ReadUntilReady()
	busy.Query("commit")
	busy.ReadUntil('C')
	endedWith(t, busy, "57P01")
	if code := d.wait(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if left := processesOf(t, d.dataDir); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}

	d.start(t)
	acme.mustSleep(t, "a restart")
	other.mustSleep(t, "a restart")
	if count := query(t, acme.dsn(), "select count(*) from t"); count != "2" {
		t.Errorf("%s rows", count)
	}
	noRecovery(t, acme)
	d.signal(t, syscall.SIGINT)
	if code := d.wait(t); code != 0 {
		t.Errorf("on INT: exit code %d", code)
	}
}

// TestTerminateTwice: while it waits for busy clients, or in its grace, a second
// signal ends them at once.
// Promises: G112.
func TestTerminateTwice(t *testing.T) {
	t.Parallel()
	d := startDev(t, daemonConfig{Env: []string{"POSTERN_DRAIN_TIMEOUT=10m"}})
	acme := d.createTenant(t, "acme")
	busy := pgtest.Connect(t, acme.target())
	busy.Query("begin; create table t()")
	busy.ReadUntilReady()
	d.signal(t, syscall.SIGTERM)
	d.notReady(t)
	d.signal(t, syscall.SIGTERM)
	endedWith(t, busy, "57P01")
	if code := d.wait(t); code != 0 {
		t.Errorf("exit code %d", code)
	}

	d.config.Env = []string{"POSTERN_DRAIN_GRACE=10m", "POSTERN_DRAIN_TIMEOUT=10m"}
	d.start(t)
	idle := pgtest.Connect(t, acme.target())
	d.signal(t, syscall.SIGTERM)
	d.notReady(t)
	if exists := query(t, acme.dsn(), "select to_regclass('t') is not null"); exists != "f" {
		t.Errorf("a table of a transaction that never ended: %s", exists)
	}
	idle.Query("select 1") // the grace is for the clients too
	idle.ReadUntilReady()
	d.signal(t, syscall.SIGTERM)
	endedWith(t, idle, "57P01")
	if code := d.wait(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestKeepRunning: with --keep-running the instances live on and are adopted.
func TestKeepRunning(t *testing.T) {
	t.Parallel()
	d := startDev(t, daemonConfig{Args: []string{"--keep-running"}})
	acme := d.createTenant(t, "acme")
	acme.exec(t, "create table t as select 42")
	pid := acme.pid(t)
	before := len(postgresOf(t, d.dataDir))
	if code := d.stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if after := postgresOf(t, d.dataDir); !alive(pid) || len(after) < 3 {
		t.Errorf("of %d processes of PostgreSQL there are %d", before, len(after))
	}

	d.config.Args = nil
	d.start(t)
	if now := acme.pid(t); now != pid {
		t.Errorf("it ran as process %d and runs as %d", pid, now)
	}
	if answer := query(t, acme.dsn(), "select * from t"); answer != "42" {
		t.Errorf("it holds %q", answer)
	}
	if code := d.stop(t); code != 0 || alive(pid) {
		t.Errorf("without --keep-running: exit code %d, and the instance is alive: %v", code, alive(pid))
	}
}

// notReady waits until /readyz says that no new clients should come.
func (d *daemon) notReady(t testing.TB) {
	t.Helper()
	eventually(t, "/readyz answers 503", func() bool {
		status, _ := d.get(t, "/readyz")
		return status == http.StatusServiceUnavailable
	})
}
