package database

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"postern/catalog"
	"postern/wake"
	"postern/wake/drivertest"
	"postern/wake/superuser"
)

// code is the SQLSTATE of err, "" if it has none.
func code(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// A role can connect to its own tenant's databases and to no other, by whatever
// name.
func TestNobodyElsesDatabase(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	acme, other := newTenant(t, d, "acme"), newTenant(t, d, "other")
	ours, theirs := rouse(t, d, acme), rouse(t, d, other)
	drivertest.Connect(t, ours, drivertest.App())
	for _, database := range []string{theirs.Share.Database("app"), "postgres", "template1", "template0", "postern_template"} {
		raw := ours
		raw.Share = wake.Share{}
		_, err := drivertest.TryConnect(t, raw, drivertest.Login{
			Role: ours.Share.Role("app"), Password: drivertest.Password, Database: database,
		})
		if got := code(err); got != "42501" && got != "55000" {
			t.Errorf("connecting to %s: %v", database, err)
		}
	}
	raw := ours
	raw.Share = wake.Share{}
	if _, err := drivertest.TryConnect(t, raw, drivertest.Login{Role: "app", Password: drivertest.Password, Database: "app"}); code(err) != "28P01" {
		t.Errorf("the role app that every new instance has: %v", err)
	}
}

// What the shared catalogs tell of another tenant is that there is one.
func TestNothingOfOthers(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	acme, other := drivertest.Tenant(t, "acme"), drivertest.Tenant(t, "secretive")
	acme.Roles["reader"] = catalog.Role{Name: "reader", CanLogin: true, ReadOnly: true, Verifier: drivertest.Verifier(t, "reader's")}
	other.Databases = append(other.Databases, "secretive-plans")
	for _, tenant := range []*catalog.Tenant{acme, other} {
		if err := d.Provision(t.Context(), tenant); err != nil {
			t.Fatal(err)
		}
	}
	theirs := drivertest.Connect(t, rouse(t, d, other), drivertest.App())
	drivertest.Exec(t, theirs, "SET application_name = 'secretive-app'")
	drivertest.Exec(t, theirs, "ALTER ROLE CURRENT_USER SET search_path = 'secretive-role'")
	drivertest.Exec(t, theirs, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = ''secretive-database''', current_database()); END $$")
	drivertest.Exec(t, theirs, "CREATE TABLE public.secretive_table ()")

	e := rouse(t, d, acme)
	for role, login := range map[string]drivertest.Login{
		"app": drivertest.App(), "reader": {Role: "reader", Password: "reader's", Database: "app"},
	} {
		conn := drivertest.Connect(t, e, login)
		for _, relation := range []string{"pg_stat_activity", "pg_db_role_setting", "pg_authid", "pg_shadow", "pg_prepared_xacts", "pg_replication_slots"} {
			if _, err := conn.Exec(t.Context(), "SELECT * FROM "+relation); code(err) != "42501" {
				t.Errorf("%s reads %s: %v", role, relation, err)
			}
		}
		for _, columns := range []string{"rolconfig FROM pg_roles", "useconfig FROM pg_user"} {
			if _, err := conn.Exec(t.Context(), "SELECT "+columns); code(err) != "42501" {
				t.Errorf("%s reads %s: %v", role, columns, err)
			}
		}
		for _, query := range []string{
			"SELECT string_agg(rolname, ' ') FROM pg_roles", "SELECT string_agg(usename, ' ') FROM pg_user",
			"SELECT string_agg(datname, ' ') FROM pg_database", "SELECT string_agg(datname, ' ') FROM pg_stat_database",
		} {
			if got := drivertest.Query(t, conn, query); strings.Contains(got, "secretive") || strings.Contains(got, other.UID) {
				t.Errorf("%s sees by %s: %s", role, query, got)
			}
		}
	}
}

// A read-only role reads what is made after it, too, by whichever role of its tenant,
// in every database.
func TestReader(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	acme := newTenant(t, d, "acme")
	e := rouse(t, d, acme)
	app := drivertest.Connect(t, e, drivertest.App())
	drivertest.Exec(t, app, "CREATE TABLE before AS SELECT 'before' AS what")
	root, err := superuser.Connect(t.Context(), e, "postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, role := range []superuser.RoleSpec{
		{Name: "reader", Verifier: drivertest.Verifier(t, "reader's"), ReadOnly: true},
		{Name: "writer", Verifier: drivertest.Verifier(t, "writer's")},
	} {
		if err := root.EnsureRole(t.Context(), role); err != nil {
			t.Fatal(err)
		}
	}
	if err := root.EnsureDatabase(t.Context(), "second", "writer"); err != nil {
		t.Fatal(err)
	}
	drivertest.Exec(t, app, "CREATE SCHEMA later; CREATE TABLE later.after AS SELECT 'after' AS what")
	writer := drivertest.Connect(t, e, drivertest.Login{Role: "writer", Password: "writer's", Database: "second"})
	drivertest.Exec(t, writer, "CREATE TABLE theirs AS SELECT 'theirs' AS what")

	reader := drivertest.Connect(t, e, drivertest.Login{Role: "reader", Password: "reader's", Database: "app"})
	for _, table := range []string{"before", "later.after"} {
		drivertest.Query(t, reader, "SELECT what FROM "+table)
	}
	second := drivertest.Connect(t, e, drivertest.Login{Role: "reader", Password: "reader's", Database: "second"})
	drivertest.Query(t, second, "SELECT what FROM theirs")
	if _, err := second.Exec(t.Context(), "SET default_transaction_read_only = off; CREATE TABLE mine ()"); err == nil {
		t.Error("the reader has made a table")
	}
	roles, err := root.Roles(t.Context())
	if err != nil || len(roles) != 3 || !roles["reader"].ReadOnly || roles["writer"].ReadOnly {
		t.Errorf("roles %v, %v", len(roles), err)
	}

	if err := root.DropRole(t.Context(), "writer", "app"); err != nil {
		t.Fatal(err)
	}
	drivertest.Query(t, second, "SELECT what FROM theirs")
	if err := root.DropDatabase(t.Context(), "second"); err != nil {
		t.Fatal(err)
	}
	if there, err := root.HasShare(t.Context(), "second"); there || err != nil {
		t.Errorf("the database is there: %v, %v", there, err)
	}
}

// One tenant's clients leave the others room.
func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	d.config.Connections = 2
	e := rouse(t, d, newTenant(t, d, "acme"))
	for range 2 {
		conn := drivertest.Connect(t, e, drivertest.App())
		// The owner of a database can do that; its role has a limit, too.
		drivertest.Exec(t, conn, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 50', current_database()); END $$")
	}
	if _, err := drivertest.TryConnect(t, e, drivertest.App()); code(err) != "53300" {
		t.Errorf("one too many: %v", err)
	}
	drivertest.Connect(t, rouse(t, d, newTenant(t, d, "other")), drivertest.App())
}
