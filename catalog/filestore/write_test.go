package filestore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/catalog"
)

// TestRoles: the file and pg_authid both speak of roles; the one that spoke
// last is right.
func TestRoles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const fromFile, fromServer, fromFileAgain = verifier + "1", verifier + "2", verifier + "3"
	file := func(verifier, more string) string {
		return "# kept by hand\ndriver = 'static'\n" + more + "\nroles = [{ name = 'app', verifier = '" + verifier + "' }, { name = 'old' }]\n"
	}
	wantRoles := func(what string, tenant *catalog.Tenant, app string, others ...string) {
		t.Helper()
		if got := tenant.Roles["app"].Verifier; got != app {
			t.Errorf("%s: verifier of app is %q, want %q", what, got, app)
		}
		for _, name := range others {
			if _, there := tenant.Roles[name]; !there {
				t.Errorf("%s: role %s is not there", what, name)
			}
		}
		if len(tenant.Roles) != 1+len(others) {
			t.Errorf("%s: roles are %v", what, tenant.Roles)
		}
	}
	write(t, dir, "acme.toml", file(fromFile, ""))
	store := open(t, dir)
	wantRoles("at first", lookup(t, store, "acme"), fromFile, "old")

	update(t, store, "acme", func(c *catalog.Tenant) {
		c.Roles["app"] = catalog.Role{Verifier: fromServer, CanLogin: true}
		c.Roles["new"] = catalog.Role{Verifier: fromServer, CanLogin: true}
	})
	if got := read(t, dir, "acme.toml"); got != file(fromFile, "") {
		t.Errorf("what pg_authid says has changed the file: %s", got)
	}
	wantRoles("learnt", lookup(t, store, "acme"), fromServer, "old", "new")
	write(t, dir, "acme.toml", file(fromFile, "region = 'x'"))
	wantRoles("another part of the file changed", lookup(t, store, "acme"), fromServer, "old", "new")
	store = reopen(t, store, dir)
	wantRoles("after a restart", lookup(t, store, "acme"), fromServer, "old", "new")
	write(t, dir, "acme.toml", file(fromFileAgain, ""))
	wantRoles("set in the file", lookup(t, store, "acme"), fromFileAgain, "old", "new")

	update(t, store, "acme", func(c *catalog.Tenant) { delete(c.Roles, "old") })
	wantRoles("dropped", lookup(t, store, "acme"), fromFileAgain, "new")
	if got := read(t, dir, "acme.toml"); strings.Contains(got, "old") || !strings.Contains(got, fromFileAgain) {
		t.Errorf("the file is now %s", got)
	}
	store = reopen(t, store, dir)
	wantRoles("dropped, after a restart", lookup(t, store, "acme"), fromFileAgain, "new")
	write(t, dir, "acme.toml", "driver = 'static'")
	if roles := lookup(t, store, "acme").Roles; len(roles) != 1 {
		t.Errorf("the role left the file, and roles are %v", roles)
	}
}

func TestFilesWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := open(t, dir)
	_, err := store.Create(t.Context(), &catalog.Tenant{
		ID: "acme", Driver: "static", Region: "eu", Labels: map[string]string{"a b": "\"\n"},
		Roles: map[string]catalog.Role{"app": {Verifier: verifier, CanLogin: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "# Tenant acme. Comments are lost when Postern changes the tenant by command.\n\n" +
		"driver = \"static\"\nregion = \"eu\"\n\n[labels]\n\"a b\" = \"\\\"\\n\"\n"
	if got := read(t, dir, "acme.toml"); got != want {
		t.Errorf("the file is\n%s\nwant\n%s", got, want)
	}
	wantMode := func(name string, want os.FileMode) {
		t.Helper()
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("mode of %s is %v, want %v", name, got, want)
		}
	}
	wantMode("acme.toml", 0o600)
	wantMode(".state", 0o700)
	wantMode(".state/acme.json", 0o600)
	if err := os.Chmod(filepath.Join(dir, "acme.toml"), 0o644); err != nil {
		t.Fatal(err)
	}
	update(t, store, "acme", func(c *catalog.Tenant) { c.Region = "us" })
	wantMode("acme.toml", 0o644)
	wantVersion(t, "its own writing", lookup(t, store, "acme"), 2)

	if err := store.Purge(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*.toml"))
	if err != nil || len(left) > 0 {
		t.Errorf("left in the directory: %q, %v", left, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".state", "*")); len(left) != 1 { // the lock
		t.Errorf("left in .state: %q", left)
	}
}

// TestCreateRefused: what could not be read back is not written.
func TestCreateRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := open(t, dir)
	for name, tenant := range map[string]catalog.Tenant{
		"no driver":   {},
		"pool mode":   {Driver: "static", PoolMode: "statement"},
		"not UTF-8":   {Driver: "static", Region: "\xff"},
		"bad backend": {Driver: "static", Backend: catalog.Backend{Port: -1}},
	} {
		tenant.ID = "acme"
		if _, err := store.Create(t.Context(), &tenant); err == nil {
			t.Errorf("%s: created", name)
		}
		if _, err := os.Stat(filepath.Join(dir, "acme.toml")); err == nil {
			t.Errorf("%s: a file was written", name)
		}
	}
	if _, err := store.Create(t.Context(), &catalog.Tenant{ID: "acme", Driver: "static"}); err != nil {
		t.Error(err)
	}
}
