package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/pgtest"
	"postern/proxy/wire"
)

// fleet is two proxies on one machine, which share a catalog and the tenants.
type fleet struct {
	catalog *pgtest.Postgres
	tenants string // their directory
	a, b    *daemon
}

func startFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{catalog: pgtest.Start(t, pgtest.Config{}), tenants: guardedDir(t)}
	file := filepath.Join(t.TempDir(), "postern.toml")
	writeFile(t, file, fmt.Sprintf(`
[listen]
postgres = "127.0.0.1:0"
[http]
listen = "127.0.0.1:0"
[catalog]
url = %q
lease = "3s"
[wake]
idle_timeout = "1s"
[wake.process]
data_dir = %q
prepared = 0
[log]
level = "debug"
`, f.catalog.DSN("postgres", "app"), f.tenants))
	f.a, f.b = startDaemon(t, file), startDaemon(t, file)
	return f
}

// stop ends the tenants' Postgres, which the proxies leave running.
func (f *fleet) stop(t *testing.T) {
	for _, id := range []string{"acme", "beta", "gamma"} {
		f.a.cli(t, "tenant", "suspend", id, "--force")
	}
}

func startDaemon(t *testing.T, file string) *daemon {
	t.Helper()
	return startDev(t, daemonConfig{Serve: file})
}

// on is the same tenant as another proxy has it.
func (a *tenant) on(d *daemon) *tenant { return &tenant{daemon: d, id: a.id, password: a.password} }

// runs reports whether the tenant has processes.
func (f *fleet) runs(t *testing.T, a *tenant) bool {
	return len(postgresOf(t, filepath.Join(f.tenants, "tenants", a.id, "data"))) > 0
}

// says waits until the daemon's log has said something.
func (d *daemon) says(t *testing.T, what string) {
	t.Helper()
	eventually(t, "the log says "+what, func() bool {
		log, err := os.ReadFile(d.logFile())
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(log, []byte(what))
	})
}

// TestFleet: two proxies never suspend what the other uses, and one that dies lets go
// of it.
//
// Promises: E95.
func TestFleet(t *testing.T) {
	t.Parallel()
	f := startFleet(t)
	defer f.stop(t)
	acme := f.a.createTenant(t, "acme")

	// The client of one works, and that of the other has been idle for long enough.
	working := pgtest.Dial(t, acme.target())
	key := cancelKey(t, working.Startup())
	working.Query("begin; create table t as select 1")
	working.ReadUntilReady()
	query(t, acme.on(f.b).dsn(), "select 1")
	f.b.says(t, "left to other proxies, which use the tenant")
	working.Query("commit")
	working.ReadUntilReady()

	// A cancel request that lands at the other one works.
	working.Query("select pg_sleep(600)")
	working.Write()
	eventually(t, "the statement runs", func() bool {
		return query(t, acme.dsn(), "select count(*) from pg_stat_activity where query = 'select pg_sleep(600)' and state = 'active'") == "1"
	})
	request := acme.on(f.b).target()
	sender := pgtest.Dial(t, request)
	sender.Raw(wire.AppendCancel(nil, key))
	sender.Write()
	sender.ReadUntilClosed()
	said := working.ReadUntilReady()
	if failure := said[len(said)-2].Error(); failure.Code != "57014" {
		t.Errorf("a statement that was to be cancelled says %v", pgtest.Lines(said))
	}

	// Whoever uses it last suspends it, and a client of the other wakes it.
	eventually(t, "it sleeps", func() bool { return acme.detail(t).State == "asleep" && !f.runs(t, acme) })
	if got := query(t, acme.on(f.b).dsn(), "select count(*) from t"); got != "1" {
		t.Errorf("%s rows", got)
	}
	working.Query("select count(*) from t")
	if said := working.ReadUntilReady(); len(said) != 4 {
		t.Errorf("an idle client has noticed: %v", pgtest.Lines(said))
	}
}

// TestFleetMemberDies: what a proxy used, or was about to suspend, that was killed, is
// another's when its lease has ended.
func TestFleetMemberDies(t *testing.T) {
	t.Parallel()
	f := startFleet(t)
	defer f.stop(t)
	beta, gamma := f.b.createTenant(t, "beta"), f.b.createTenant(t, "gamma")
	for _, tenant := range []*tenant{beta, gamma} {
		tenant.exec(t, "create table t as select 1")
		c := pgtest.Connect(t, tenant.target())
		c.Query("begin; select 1")
		c.ReadUntilReady()
	}
	if n := f.catalog.Exec(t, "select count(*) from postern.holds h join postern.proxies p on p.number = h.proxy where p.number = 1"); n != "2" {
		t.Errorf("%s tenants are held, want 2", n)
	}
	f.catalog.Exec(t, `update postern.tenants set state = 'suspending', generation = generation + 1, deadline = now() + interval '1 hour',
		owner = (select boot from postern.proxies where number = 1) where id = 'gamma'`)
	f.b.kill9(t)
	if !f.runs(t, beta) || !f.runs(t, gamma) {
		t.Error("the tenants' Postgres ended with the proxy")
	}
	if got := query(t, gamma.on(f.a).dsn(), "select count(*) from t"); got != "1" { // it waits for the lease to end
		t.Errorf("%s rows", got)
	}
	for _, tenant := range []*tenant{beta, gamma} {
		there := tenant.on(f.a)
		eventually(t, tenant.id+" sleeps", func() bool { return there.detail(t).State == "asleep" && !f.runs(t, there) })
		if got := query(t, there.dsn(), "select count(*) from t"); got != "1" {
			t.Errorf("%s rows", got)
		}
	}

	// It comes back as who it was.
	f.b.start(t)
	if n := f.catalog.Exec(t, "select string_agg(number::text, ' ' order by number) from postern.proxies where expires_at > now()"); n != "0 1" {
		t.Errorf("the proxies that live have the numbers %s", n)
	}
	query(t, beta.on(f.b).dsn(), "select 1")
}

// cancelKey is the cancel key in the messages of a login.
func cancelKey(t *testing.T, said []pgtest.Message) wire.CancelRequest {
	t.Helper()
	for _, m := range said {
		if m.Type == 'K' {
			decoded, err := m.Decode()
			if err != nil {
				t.Fatal(err)
			}
			data := decoded.(*pgproto3.BackendKeyData)
			return wire.CancelRequest{PID: data.ProcessID, Secret: data.SecretKey}
		}
	}
	t.Fatal("no BackendKeyData")
	return wire.CancelRequest{}
}
