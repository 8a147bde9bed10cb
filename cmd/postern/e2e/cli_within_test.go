package e2e

import (
	"strings"
	"testing"

	"postern/proxy/pgtest"
)

// roles are `tenant role` and what becomes of its roles.
func roles(t *testing.T, d *daemon) {
	a := d.createTenant(t, "roles")
	a.exec(t, "create table t as select 42 as answer")
	a.suspend(t)
	var created struct{ URL string }
	d.mustJSON(t, &created, "tenant", "role", "create", a.id, "reader", "--read-only")
	if answer := query(t, created.URL, "select answer from t"); answer != "42" {
		t.Errorf("a reader reads %q", answer)
	}
	if r := (psql{DSN: created.URL, Args: []string{"-c", "insert into t values (1)"}}).run(t); r.code == 0 {
		t.Error("a reader writes")
	}
	d.fails(t, 4, "tenant", "role", "create", a.id, "reader")
	if r := d.cliWithInput(t, "by hand\n", "tenant", "role", "create", a.id, "writer", "--password-stdin"); r.code != 0 {
		t.Errorf("role create --password-stdin: %s", r.stderr)
	}
	loginGives(t, a, "writer", "by hand", "no error")
	reset := passwordOf(t, strings.TrimSpace(d.must(t, "tenant", "reset-password", a.id, "--role", "writer")))
	loginGives(t, a, "writer", "by hand", "28P01")
	loginGives(t, a, "writer", reset, "no error")

	var list struct{ Roles []struct{ Name string } }
	d.mustJSON(t, &list, "tenant", "role", "list", a.id)
	var names []string
	for _, role := range list.Roles {
		names = append(names, role.Name)
	}
	if got := strings.Join(names, " "); got != "app reader writer" {
		t.Errorf("role list: %s", got)
	}

	target := a.target()
	target.User, target.Password = "writer."+a.id, reset
	open := pgtest.Connect(t, target)
	d.must(t, "tenant", "role", "drop", a.id, "writer", "--yes")
	endedWith(t, open, "57P01")
	loginGives(t, a, "writer", reset, "28P01")
	d.fails(t, 3, "tenant", "role", "drop", a.id, "writer", "--yes")
}

// databases are `tenant database`, `tenant psql` and `tenant logs`.
func databases(t *testing.T, d *daemon) {
	a := d.createTenant(t, "databases")
	url := strings.TrimSpace(d.must(t, "tenant", "database", "create", a.id, "shop"))
	inShop := psql{DSN: url, Password: a.password, Args: []string{"-c", "create table t()", "-c", "select current_database()"}}
	if answer := inShop.must(t); !strings.HasSuffix(answer, "shop") {
		t.Errorf("by the printed line: %q", answer)
	}
	var list struct{ Databases []struct{ Name string } }
	d.mustJSON(t, &list, "tenant", "database", "list", a.id)
	if len(list.Databases) != 2 {
		t.Errorf("database list: %+v", list)
	}
	target := a.target()
	target.Database = "shop"
	open := pgtest.Connect(t, target)
	d.must(t, "tenant", "database", "drop", a.id, "shop", "--yes")
	open.Query("select 1")
	open.Write()
	endedWith(t, open, "3D000")
	refused(t, target, "3D000", "")
	query(t, a.dsn(), "create database by_sql") // the role app may
	target.Database = "by_sql"
	pgtest.Connect(t, target).Close()

	if who := a.asSuperuser(t, "select current_user, current_database()"); who != "postgres|app" {
		t.Errorf("tenant psql is %s", who)
	}
	if version := d.must(t, "tenant", "psql", a.id, "--", "--version"); !strings.HasPrefix(version, "psql (PostgreSQL)") {
		t.Errorf("tenant psql -- --version: %s", version)
	}
	a.asSuperuser(t, "do $$ begin raise log 'a line for the log'; end $$")
	if log := d.must(t, "tenant", "logs", a.id); !strings.Contains(log, "a line for the log") {
		t.Errorf("tenant logs:\n%s", log)
	}
}
