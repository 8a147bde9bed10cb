package e2e

import (
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestRoles: pg_authid has the last word, and the catalog's copy follows it,
// however a role was changed.
// Promises: B32, B39, CVE-2025-2291.
func TestRoles(t *testing.T) {
	t.Parallel()
	d := startDev(t, daemonConfig{})
	eachMajor(t, func(t *testing.T, major int) {
		acme := d.createTenantOf(t, major, "acme")
		t.Run("password", func(t *testing.T) { changePassword(t, acme) })
		t.Run("by the superuser", func(t *testing.T) { rolesBySuperuser(t, acme) })
		t.Run("through Postern", func(t *testing.T) { rolesThroughPostern(t, acme) })
	})
}

// changePassword is \password of psql.
func changePassword(t *testing.T, a *tenant) {
	old := a.password
	command := psql{DSN: a.dsn(), Input: "\\password\nnew secret\nnew secret\n"}.command(t)
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // without a terminal, psql asks at standard input
	if r := run(t, command); r.code != 0 || strings.Contains(r.stderr, "ERROR") {
		t.Fatalf("\\password: exit code %d: %s%s", r.code, r.stdout, r.stderr)
	}
	a.password = "new secret"

	loginGives(t, a, "app", old, "28P01")
	loginGives(t, a, "app", a.password, "no error")
	a.suspend(t)
	loginGives(t, a, "app", old, "28P01")
	a.mustSleep(t, "a login with the old password")
	if answer := query(t, a.dsn(), "select 42"); answer != "42" {
		t.Errorf("with the new password: %q", answer)
	}
	loginGives(t, a, "app", old, "28P01")
}

// rolesBySuperuser changes roles where Postern does not see it.
func rolesBySuperuser(t *testing.T, a *tenant) {
	a.asSuperuser(t, "create role bob login password 'bob''s'")
	eventually(t, "a role made behind Postern's back may log in", func() bool { return tryLogin(t, a, "bob", "bob's") == "no error" })

	refused := func() bool { return tryLogin(t, a, "bob", "bob's") == "28P01" }
	a.asSuperuser(t, "alter role bob valid until '2001-01-01'")
	eventually(t, "a role that has expired is refused", refused)
	a.suspend(t)
	loginGives(t, a, "bob", "bob's", "28P01")
	a.mustSleep(t, "a login with a password that has expired")

	a.asSuperuser(t, "alter role bob valid until 'infinity'")
	eventually(t, "a role that is valid again may log in", func() bool { return tryLogin(t, a, "bob", "bob's") == "no error" })
	a.asSuperuser(t, "alter role bob nologin")
	eventually(t, "a role with NOLOGIN is refused", refused)
	a.asSuperuser(t, "alter role bob login")
	eventually(t, "a role with LOGIN again may log in", func() bool { return tryLogin(t, a, "bob", "bob's") == "no error" })

	a.asSuperuser(t, "drop role bob")
	eventually(t, "a role that was dropped is refused", refused)
	a.suspend(t)
	loginGives(t, a, "bob", "bob's", "28P01")
	a.mustSleep(t, "a login as a role that was dropped")
}

// rolesThroughPostern changes roles where Postern sees it go by: the change
// counts when the statement has returned.
func rolesThroughPostern(t *testing.T, a *tenant) {
	a.asSuperuser(t, "create role admin superuser login password 'admin'")
	eventually(t, "the administrator may log in", func() bool { return tryLogin(t, a, "admin", "admin") == "no error" })
	admin := connect(t, a.dsnOf("admin", "admin"))
	change := func(sql string) {
		t.Helper()
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	change("create role carol login password 'one'")
	loginGives(t, a, "carol", "one", "no error")
	change("alter role carol password 'two'")
	loginGives(t, a, "carol", "one", "28P01")
	loginGives(t, a, "carol", "two", "no error")
	change("do $$ begin alter role carol password 'three'; end $$") // out of sight
	eventually(t, "a password changed in a DO block counts", func() bool { return tryLogin(t, a, "carol", "three") == "no error" })
	loginGives(t, a, "carol", "two", "28P01")
	change("alter role carol rename to dave")
	loginGives(t, a, "carol", "three", "28P01")
	loginGives(t, a, "dave", "three", "no error")
	change("alter role dave valid until '2001-01-01'")
	loginGives(t, a, "dave", "three", "28P01")
	change("drop role dave")
	loginGives(t, a, "dave", "three", "28P01")
}

// loginGives fails the test unless a login, with a query, ends in this SQLSTATE.
func loginGives(t testing.TB, a *tenant, role, password, code string) {
	t.Helper()
	if got := tryLogin(t, a, role, password); got != code {
		t.Errorf("login as %s: %s, want %s", role, got, code)
	}
}

// tryLogin logs in, asks something, and returns the SQLSTATE.
func tryLogin(t testing.TB, a *tenant, role, password string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), a.dsnOf(role, password))
	if err != nil {
		return codeOf(err)
	}
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), "select 1")
	return codeOf(err)
}
