package e2e

import (
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestDatabaseDriver: two tenants in one instance see nothing of each other but
// names that tell nothing, and sleep and wake apart.
func TestDatabaseDriver(t *testing.T) {
	t.Parallel()
	d := startDev(t, daemonConfig{})
	acme := d.createTenant(t, "acme", "--driver", "database")
	other := d.createTenant(t, "other", "--driver", "database")
	if a, b := acme.pid(t), other.pid(t); a == 0 || a != b {
		t.Fatalf("the tenants' postmasters are %d and %d", a, b)
	}
	acme.exec(t, "create table mine as select 'acme' as whose")
	other.exec(t, "create table mine as select 'other' as whose")

	t.Run("names", func(t *testing.T) {
		for _, sql := range []string{
			"select string_agg(datname, ' ') from pg_database where datname like 't%'",
			"select string_agg(rolname, ' ') from pg_roles where rolname like 't%'",
		} {
			if got := acme.text(t, sql); strings.Contains(got, "other") || strings.Contains(got, "acme") || strings.Count(got, "t_") < 2 {
				t.Errorf("%s: %s", sql, got)
			}
		}
	})
	t.Run("other database", func(t *testing.T) {
		theirs, _ := other.detail(t).Backend["databases"].(map[string]any)["app"].(string)
		for _, database := range []string{theirs, "postgres", "no such thing"} {
			_, err := pgx.Connect(t.Context(), strings.TrimSuffix(acme.dsn(), "app")+url.PathEscape(database))
			if codeOf(err) != "3D000" || !strings.Contains(err.Error(), `"`+database+`"`) {
				t.Errorf("database %q: %v", database, err)
			}
		}
	})
	t.Run("roles and databases", func(t *testing.T) {
		d.must(t, "tenant", "database", "create", acme.id, "second")
		r := d.cliWithInput(t, "reader's\n", "tenant", "role", "create", acme.id, "reader", "--read-only", "--password-stdin")
		if r.code != 0 {
			t.Fatal(r.stderr)
		}
		reader := connect(t, acme.dsnOf("reader", "reader's"))
		if got := text(t, reader, "select whose from mine"); got != "acme" {
			t.Errorf("the reader reads %q", got)
		}
		second := connect(t, strings.TrimSuffix(acme.dsn(), "app")+"second")
		if got := text(t, second, "select count(*) from pg_class where relname = 'mine'"); got != "0" {
			t.Error("the second database is the first")
		}
		if got := acme.asSuperuser(t, "select whose from mine"); got != "acme" {
			t.Errorf("the superuser reads %q", got)
		}
		d.must(t, "tenant", "role", "drop", acme.id, "reader", "--yes")
		loginGives(t, acme, "reader", "reader's", "28P01")
		d.must(t, "tenant", "database", "drop", acme.id, "second", "--yes")
	})
	t.Run("sleep", func(t *testing.T) {
		client := acme.connect(t)
		text(t, client, "select whose from mine")
		pid := other.pid(t)
		acme.suspend(t)
		if found := acme.detail(t); found.State != "asleep" || found.Backend["pid"] != 0.0 {
			t.Errorf("suspended: %s, %v", found.State, found.Backend["pid"])
		}
		if got := other.text(t, "select whose from mine"); got != "other" || other.pid(t) != pid {
			t.Errorf("the other tenant reads %q; its postmaster was %d and is %d", got, pid, other.pid(t))
		}
		other.suspend(t)
		if running := postgresOf(t, d.dataDir+"/tenants/postern"); len(running) > 0 {
			t.Errorf("both sleep, but there are processes: %v", running)
		}
		loginGives(t, acme, "app", "wrong", "28P01")
		if got := text(t, client, "select whose from mine"); got != "acme" {
			t.Errorf("the client that stayed reads %q", got)
		}
	})
	t.Run("idle", func(t *testing.T) {
		dozy := d.createTenant(t, "dozy", "--driver", "database", "--idle-timeout", "1s")
		client := dozy.connect(t)
		text(t, client, "select 1")
		eventually(t, "the idle tenant sleeps", func() bool { return dozy.detail(t).State == "asleep" })
		text(t, client, "select 1")
		d.must(t, "tenant", "delete", dozy.id, "--purge", "--yes")
	})
	t.Run("password", func(t *testing.T) { changePassword(t, acme) })
	t.Run("delete", func(t *testing.T) {
		d.must(t, "tenant", "delete", other.id, "--yes")
		d.must(t, "tenant", "undelete", other.id)
		if got := other.text(t, "select whose from mine"); got != "other" {
			t.Errorf("undeleted, it reads %q", got)
		}
		d.must(t, "tenant", "delete", other.id, "--purge", "--yes")
		if got := acme.text(t, "select count(*) from pg_database where datname like 't%' and datname not like 'template%'"); got != "1" {
			t.Errorf("databases that are left: %s", got)
		}
	})
}
