package filestore_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/catalog"
	"postern/catalog/storetest"
)

func TestBadFile(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, content, want string
	}{
		{"unknown key", "driver = 'static'\nhostname = 'a'", `unknown key "hostname"`},
		{"unknown nested key", "driver = 'static'\n[backend]\nhots = 'a'", `unknown key "backend.hots"`},
		{"unknown key of a role", "driver = 'static'\n[[roles]]\nname = 'a'\npassword = 'secret'", `unknown key "roles.password"`},
		{"no driver", "region = 'x'", `"driver" is missing`},
		{"empty", "", `"driver" is missing`},
		{"not TOML", "driver = 'static'\nregion = x", "line 2"},
		{"wrong type", "driver = 'static'\n[postgres]\nmax_connections = 20", "max_connections"},
		{"idle timeout", "driver = 'static'\nidle_timeout = '1ms'", "idle_timeout"},
		{"pool mode", "driver = 'static'\npool_mode = 'statement'", "pool_mode"},
		{"port", "driver = 'static'\nbackend = {port = 65536}", "backend.port"},
		{"version", "driver = 'static'\npg_version = -1", "pg_version"},
		{"role twice", "driver = 'static'\nroles = [{name = 'a'}, {name = 'a'}]", `"a" is there twice`},
		{"role without name", "driver = 'static'\nroles = [{verifier = ''}]", "roles.name"},
		{"no verifier", "driver = 'static'\nroles = [{name = 'a', verifier = 'secret'}]", "roles.verifier"},
		{"unfinished verifier", "driver = 'static'\nroles = [{name = 'a', verifier = 'secret", "line 2"},
		{"hostname", "driver = 'static'\nhostnames = ['']", "hostname is empty"},
		{"taken hostname", "driver = 'static'\nhostnames = ['Other.example']", `"other.example" is tenant other's`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, dir, "other.toml", "driver = 'static'\nhostnames = ['other.example']")
			write(t, dir, "acme.toml", "driver = 'static'\nregion = 'good'\nhostnames = ['good.example']")
			store := open(t, dir)
			good := lookup(t, store, "acme")
			if bad := store.Errors(); len(bad) != 0 {
				t.Fatalf("errors before: %v", bad)
			}
			check := func(when string) {
				t.Helper()
				if differences := storetest.Differences(lookup(t, store, "acme"), good); len(differences) > 0 {
					t.Errorf("%s: %q", when, differences)
				}
				if _, err := store.LookupHostname(t.Context(), "good.example"); err != nil {
					t.Errorf("%s: %v", when, err)
				}
				bad := store.Errors()
				if len(bad) != 1 || bad["acme"] == nil || !strings.Contains(bad["acme"].Error(), test.want) {
					t.Errorf("%s: errors are %v, want one of acme with %q", when, bad, test.want)
				} else if strings.Contains(bad["acme"].Error(), "secret") {
					t.Errorf("%s: the error shows a secret: %v", when, bad["acme"])
				}
			}
			write(t, dir, "acme.toml", test.content)
			check("at once")
			store = reopen(t, store, dir)
			check("after a restart")

			if _, err := store.Update(t.Context(), "acme", func(c *catalog.Tenant) error { c.Region = "x"; return nil }); err == nil {
				t.Error("an update has overwritten a file that somebody is about to correct")
			}
			if read(t, dir, "acme.toml") != test.content {
				t.Error("the bad file was changed")
			}
			moved, err := store.Transition(t.Context(), "acme", func(c *catalog.Tenant) error { c.State = catalog.Awake; return nil })
			if err != nil {
				t.Errorf("its state cannot change: %v", err)
			}
			good = moved
			check("after a transition")

			write(t, dir, "acme.toml", "driver = 'static'\nregion = 'corrected'")
			corrected := lookup(t, store, "acme")
			wantVersion(t, "corrected", corrected, 2)
			if bad := store.Errors(); len(bad) != 0 || corrected.Region != "corrected" {
				t.Errorf("corrected: %+v, errors %v", corrected, bad)
			}
		})
	}
}

func TestBadNewFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"acme.toml", "Upper.toml", "a_b.toml", "postgres.toml"} {
		write(t, dir, name, "drivel")
	}
	for _, name := range []string{".hidden.toml", "acme.toml~", "README", ".toml"} {
		write(t, dir, name, "drivel")
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.toml"), 0o700); err != nil {
		t.Fatal(err)
	}
	store := open(t, dir)
	bad := store.Errors()
	for _, id := range []catalog.TenantID{"acme", "Upper", "a_b", "postgres", "folder"} {
		if bad[id] == nil {
			t.Errorf("no error for %s", id)
		}
	}
	if len(bad) != 5 {
		t.Errorf("errors are %v", bad)
	}
	if _, err := store.Lookup(t.Context(), "acme"); !errors.Is(err, catalog.ErrNotFound) {
		t.Errorf("look up one that never was good: %v", err)
	}
	_, err := store.Create(t.Context(), &catalog.Tenant{ID: "acme", Driver: "static"})
	if !errors.Is(err, catalog.ErrExists) || read(t, dir, "acme.toml") != "drivel" {
		t.Errorf("create over a bad file: %v", err)
	}
}

func TestBadState(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "acme.toml", `driver = "static"`)
	store := open(t, dir)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, dir, ".state/acme.json", "{")
	store = open(t, dir)
	if _, err := store.Lookup(t.Context(), "acme"); !errors.Is(err, catalog.ErrNotFound) {
		t.Errorf("look up: %v", err)
	}
	if bad := store.Errors()["acme"]; bad == nil || !strings.Contains(bad.Error(), "acme.json") {
		t.Errorf("error is %v", bad)
	}
}

// TestHostnameHandedOver by editing two files, in whichever order.
func TestHostnameHandedOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const with, without = "driver = 'static'\nhostnames = ['db.example']", "driver = 'static'"
	write(t, dir, "a.toml", without)
	write(t, dir, "b.toml", with)
	store := open(t, dir)
	ownedBy := func(id catalog.TenantID) func() bool {
		return func() bool {
			owner, err := store.LookupHostname(t.Context(), "db.example")
			return err == nil && owner.ID == id && len(store.Errors()) == 0
		}
	}
	eventually(t, "b owns it", ownedBy("b"))
	write(t, dir, "a.toml", with)
	eventually(t, "an error", func() bool { return store.Errors()["a"] != nil })
	write(t, dir, "b.toml", without)
	eventually(t, "a owns it", ownedBy("a"))
	write(t, dir, "a.toml", without)
	write(t, dir, "b.toml", with)
	eventually(t, "b owns it again", ownedBy("b"))
}

// TestDisputedHostnameAfterRestart: who had it keeps it, whatever the order.
func TestDisputedHostnameAfterRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "b.toml", "driver = 'static'\nhostnames = ['db.example']")
	store := open(t, dir)
	write(t, dir, "a.toml", "driver = 'static'\nhostnames = ['db.example']")
	store = reopen(t, store, dir)
	if owner, err := store.LookupHostname(t.Context(), "db.example"); err != nil || owner.ID != "b" {
		t.Errorf("the owner is %+v, %v", owner, err)
	}
	if bad := store.Errors(); len(bad) != 1 || bad["a"] == nil {
		t.Errorf("errors are %v", bad)
	}
}
