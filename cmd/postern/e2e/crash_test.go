package e2e

import (
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"postern/proxy/pgtest"
)

// TestKilledPostern: tenants survive kill -9 of Postern, which finds them again.
func TestKilledPostern(t *testing.T) {
	t.Parallel()
	d := startDev(t, daemonConfig{})
	var tenants []*tenant
	pids := map[string]int{}
	for _, id := range []string{"one", "two", "three"} {
		a := d.createTenant(t, id)
		a.exec(t, "create table t as select '"+id+"' as name")
		tenants, pids[id] = append(tenants, a), a.pid(t)
	}
	asleep := d.createTenant(t, "asleep")
	asleep.suspend(t)
	client := pgtest.Connect(t, tenants[0].target())
	client.Query("begin; insert into t values ('uncommitted')")
	client.ReadUntilReady()

	d.kill9(t)
	if rest := client.ReadUntilClosed(); len(rest) > 0 || !errors.Is(client.Err(), io.EOF) {
		t.Errorf("the client of a killed Postern reads %v and %v", pgtest.Lines(rest), client.Err())
	}
	for id, pid := range pids {
		if pid == 0 || !alive(pid) {
			t.Errorf("the Postgres of tenant %s, process %d, is gone", id, pid)
		}
	}

	d.start(t)
	for _, a := range tenants {
		if name := query(t, a.dsn(), "select * from t"); name != a.id {
			t.Errorf("tenant %s holds %q", a.id, name)
		}
		if pid := a.pid(t); pid != pids[a.id] {
			t.Errorf("tenant %s ran as process %d and runs as %d", a.id, pids[a.id], pid)
		}
		noRecovery(t, a)
	}
	asleep.mustSleep(t, "a restart of Postern")
	query(t, asleep.dsn(), "select 1")
	tenants[1].suspend(t) // an adopted one obeys
	if alive(pids["two"]) {
		t.Error("an adopted instance lives on after tenant suspend")
	}
}

// noRecovery fails the test if the tenant's Postgres had to repair anything.
func noRecovery(t testing.TB, a *tenant) {
	t.Helper()
	log := a.daemon.must(t, "tenant", "logs", a.id)
	for _, line := range strings.Split(log, "\n") {
		if strings.Contains(line, "not properly shut down") || strings.Contains(line, "redo starts") {
			t.Errorf("tenant %s had to recover: %s", a.id, line)
		}
	}
}

// TestKilledPostgres: when a tenant's postmaster is killed, its clients are told,
// and the next query starts it again with everything that was committed.
func TestKilledPostgres(t *testing.T) {
	t.Parallel()
	d := startDev(t, daemonConfig{})
	for _, major := range majors(t) {
		a := d.createTenantOf(t, major, "acme")
		a.exec(t, "create table t(i int); insert into t select generate_series(1, 1000)")
		idle, open := pgtest.Connect(t, a.target()), pgtest.Connect(t, a.target())
		idle.Query("select 1")
		idle.ReadUntilReady()
		open.Query("begin; insert into t values (0)")
		open.ReadUntilReady()

		pid := a.pid(t)
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		endedWith(t, open, "57P01", "57P02", "08006")
		if count := query(t, a.dsn(), "select count(*) from t"); count != "1000" {
			t.Errorf("%s rows of 1000 committed ones", count)
		}
		idle.Query("select count(*) from t") // nobody was in its way
		if said := idle.ReadUntilReady(); len(said) != 4 {
			t.Errorf("an idle client has noticed: %v", pgtest.Lines(said))
		}
		if now := a.pid(t); now == pid || now == 0 {
			t.Errorf("it ran as process %d and runs as %d", pid, now)
		}
		if state := a.detail(t).State; state != "awake" {
			t.Errorf("it is %s", state)
		}
	}
}
