package e2e

import (
	"fmt"
	"strings"
	"testing"

	"postern/proxy/pgtest"
)

// TestCommands goes through the life of tenants by the command line.
func TestCommands(t *testing.T) {
	t.Parallel()
	d := startDev(t, daemonConfig{})
	for name, test := range map[string]func(*testing.T, *daemon){
		"create": createAndPassword, "list": listAndUpdate, "pause": pauseAndResume,
		"delete": deleteAndUndelete, "purge": purge, "roles": roles, "databases": databases, "wake and suspend": wakeAndSuspend,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, d)
		})
	}
}

func createAndPassword(t *testing.T, d *daemon) {
	output := d.must(t, "tenant", "create", "pw")
	created := &tenant{daemon: d, id: "pw", password: passwordOf(t, strings.TrimSpace(output))}
	loginGives(t, created, "app", created.password, "no error")
	d.fails(t, 4, "tenant", "create", "pw")
	d.fails(t, 2, "tenant", "create", "not_a_name")
	d.fails(t, 3, "tenant", "get", "nosuch")

	for _, args := range [][]string{{"get", "pw"}, {"get", "pw", "-o", "json"}, {"url", "pw"}, {"list", "-o", "json"}, {"logs", "pw"}} {
		if output := d.must(t, append([]string{"tenant"}, args...)...); strings.Contains(output, created.password) || strings.Contains(output, "SCRAM-SHA-256$") {
			t.Errorf("tenant %v shows a secret:\n%s", args, output)
		}
	}
	url := strings.TrimSpace(d.must(t, "tenant", "url", "pw"))
	if answer := (psql{DSN: url, Password: created.password, Args: []string{"-c", "select 42"}}).must(t); answer != "42" {
		t.Errorf("by tenant url: %q", answer)
	}

	reset := passwordOf(t, strings.TrimSpace(d.must(t, "tenant", "reset-password", "pw")))
	loginGives(t, created, "app", created.password, "28P01")
	loginGives(t, created, "app", reset, "no error")
	created.suspend(t)
	if r := d.cliWithInput(t, "chosen by hand\n", "tenant", "reset-password", "pw", "--password-stdin"); r.code != 0 {
		t.Errorf("reset-password --password-stdin: %s", r.stderr)
	}
	loginGives(t, created, "app", reset, "28P01")
	loginGives(t, created, "app", "chosen by hand", "no error")

	if r := d.cliWithInput(t, "s3cret\n", "tenant", "create", "stdin", "--password-stdin"); r.code != 0 {
		t.Fatalf("create --password-stdin: %s", r.stderr)
	}
	loginGives(t, &tenant{daemon: d, id: "stdin"}, "app", "s3cret", "no error")
}

func listAndUpdate(t *testing.T, d *daemon) {
	a := d.createTenant(t, "labelled", "--label", "plan=pro", "--hostname", "pg.acme.example", "--postgres", "work_mem=7MB")
	before := a.detail(t)
	if before.Labels["plan"] != "pro" || len(before.Hostnames) != 1 {
		t.Errorf("tenant get: %+v", before)
	}
	if value := query(t, a.dsn(), "show work_mem"); value != "7MB" {
		t.Errorf("work_mem is %s", value)
	}
	custom := a.target()
	custom.User, custom.TLS = "app", d.trust(t, "localhost")
	custom.TLS.InsecureSkipVerify = true // the certificate has not the custom name
	custom.TLS.ServerName = "pg.acme.example"
	pgtest.Connect(t, custom).Close()

	d.must(t, "tenant", "update", "labelled", "--label", "plan-", "--label", "tier=gold", "--postgres", "work_mem=9MB", "--hostname", "")
	after := a.detail(t)
	if after.Labels["plan"] != nil || after.Labels["tier"] != "gold" || len(after.Hostnames) != 0 || after.Version <= before.Version {
		t.Errorf("after tenant update: %+v", after)
	}
	d.fails(t, 4, "tenant", "update", "labelled", "--label", "tier-", "--if-version", fmt.Sprint(before.Version))
	a.suspend(t)
	if value := query(t, a.dsn(), "show work_mem"); value != "9MB" {
		t.Errorf("from the next start on, work_mem is %s", value)
	}

	var listed struct{ Tenants []struct{ ID string } }
	d.mustJSON(t, &listed, "tenant", "list", "--label", "tier=gold")
	if len(listed.Tenants) != 1 || listed.Tenants[0].ID != "labelled" {
		t.Errorf("tenant list --label: %+v", listed)
	}
}

func wakeAndSuspend(t *testing.T, d *daemon) {
	a := d.createTenant(t, "sleeper")
	if status := a.act(t, "wake"); status != "already_awake" {
		t.Errorf("wake: %s", status)
	}
	busy := pgtest.Connect(t, a.target())
	busy.Query("begin; create table t()")
	busy.ReadUntilReady()
	if because := a.detail(t).AwakeBecause; len(because) != 1 {
		t.Errorf("awake because of %q", because)
	}
	d.fails(t, 4, "tenant", "suspend", a.id, "--timeout", "100ms")
	busy.Query("insert into t default values; commit")
	if answer := pgtest.Lines(busy.ReadUntilReady()); answer[len(answer)-1] != "ReadyForQuery I" {
		t.Errorf("after a suspend that gave up: %v", answer)
	}
	busy.Query("begin")
	busy.ReadUntilReady()
	d.must(t, "tenant", "suspend", a.id, "--force")
	endedWith(t, busy, "57P01")
	a.mustSleep(t, "suspend --force")
	var explained struct{ Tenant, Carrier, Role, State string }
	d.mustJSON(t, &explained, "explain", a.dsn())
	if explained.Tenant != a.id || explained.Carrier != "user" || explained.Role != "app" || explained.State != "asleep" {
		t.Errorf("explain: %+v", explained)
	}
	if status := a.act(t, "suspend"); status != "already_asleep" {
		t.Errorf("suspend: %s", status)
	}
	if status := a.act(t, "wake"); status != "awake" || a.pid(t) == 0 {
		t.Errorf("wake: %s", status)
	}
}

func pauseAndResume(t *testing.T, d *daemon) {
	a := d.createTenant(t, "paused")
	a.exec(t, "create table t as select 42")
	open := pgtest.Connect(t, a.target())
	if status := a.act(t, "pause"); status != "paused" {
		t.Errorf("pause: %s", status)
	}
	open.Query("select 1")
	rest := pgtest.Lines(open.ReadUntilClosed())
	if text := strings.Join(rest, "\n"); !strings.Contains(text, `C="57P01"`) && !strings.Contains(text, `C="57P03"`) {
		t.Errorf("an open session: %s", text)
	}
	loginGives(t, a, "app", a.password, "57P03")
	loginGives(t, a, "app", "wrong", "28P01")
	if pid := a.pid(t); pid != 0 {
		t.Errorf("process %d runs", pid)
	}
	if status := a.act(t, "pause"); status != "already_paused" {
		t.Errorf("pause again: %s", status)
	}
	if status := a.act(t, "resume"); status != "asleep" {
		t.Errorf("resume: %s", status)
	}
	if answer := query(t, a.dsn(), "select * from t"); answer != "42" {
		t.Errorf("after resume: %q", answer)
	}
}

func deleteAndUndelete(t *testing.T, d *daemon) {
	a := d.createTenant(t, "deleted")
	a.exec(t, "create table t as select 42")
	open := pgtest.Connect(t, a.target())
	pid := a.pid(t)
	d.fails(t, 2, "tenant", "delete", a.id) // nobody is there to ask
	d.must(t, "tenant", "delete", a.id, "--yes")
	endedWith(t, open, "57P01")
	if alive(pid) {
		t.Errorf("process %d is alive", pid)
	}
	loginGives(t, a, "app", a.password, "28P01")
	if listed := d.must(t, "tenant", "list"); strings.Contains(listed, a.id+" ") {
		t.Errorf("tenant list shows it:\n%s", listed)
	}
	d.fails(t, 4, "tenant", "create", a.id)
	if status := a.act(t, "undelete"); status != "asleep" {
		t.Errorf("undelete: %s", status)
	}
	if answer := query(t, a.dsn(), "select * from t"); answer != "42" {
		t.Errorf("after undelete: %q", answer)
	}
}

func purge(t *testing.T, d *daemon) {
	a := d.createTenant(t, "purged")
	a.exec(t, "create table t as select 42")
	d.must(t, "tenant", "delete", a.id, "--purge", "--yes")
	d.fails(t, 3, "tenant", "get", a.id)
	d.fails(t, 3, "tenant", "undelete", a.id)
	loginGives(t, a, "app", a.password, "28P01")
	again := d.createTenant(t, a.id)
	loginGives(t, a, "app", a.password, "28P01")
	if exists := query(t, again.dsn(), "select to_regclass('t') is null"); exists != "t" {
		t.Error("a new tenant of the same name has the old one's data")
	}
}

// act runs a verb on the tenant and returns the status.
func (a *tenant) act(t testing.TB, verb string) string {
	t.Helper()
	var acted struct{ Status string }
	a.daemon.mustJSON(t, &acted, "tenant", verb, a.id)
	return acted.Status
}
