package filestore_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/catalog"
	"postern/catalog/filestore"
	"postern/catalog/storetest"
)

const verifier = "SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy"

func open(t *testing.T, dir string) *filestore.Store {
	t.Helper()
	store, err := filestore.Open(filestore.Config{Dir: dir, PollInterval: 10 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// reopen is a restart of the proxy.
func reopen(t *testing.T, store *filestore.Store, dir string) *filestore.Store {
	t.Helper()
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, dir)
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o640); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func lookup(t *testing.T, store *filestore.Store, id catalog.TenantID) *catalog.Tenant {
	t.Helper()
	found, err := store.Lookup(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func update(t *testing.T, store *filestore.Store, id catalog.TenantID, change func(*catalog.Tenant)) *catalog.Tenant {
	t.Helper()
	updated, err := store.Update(t.Context(), id, func(c *catalog.Tenant) error { change(c); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return updated
}

func wantVersion(t *testing.T, what string, tenant *catalog.Tenant, want int64) {
	t.Helper()
	if tenant.Version != want {
		t.Errorf("%s: version is %d, want %d", what, tenant.Version, want)
	}
}

// eventually waits for what the store sees a moment later.
func eventually(t *testing.T, what string, true func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !true(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) catalog.Store { return open(t, t.TempDir()) })
}

// TestRestart: all that was written is there again, to the last field.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := open(t, dir)
	_, err := store.Create(t.Context(), &catalog.Tenant{
		ID: "acme", Driver: "process", State: catalog.Provisioning, Hostnames: []string{"db.example"},
		Labels: map[string]string{"plan": "pro"}, Databases: []string{"app"}, PGVersion: 17,
		Roles: map[string]catalog.Role{"app": {Verifier: verifier, CanLogin: true, ValidUntil: time.Now().Add(time.Hour)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := store.Remember(t.Context(), "acme", 1, catalog.Greeting{Role: "app", Parameters: map[string]string{"a": "b"}}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = store.Transition(t.Context(), "acme", func(c *catalog.Tenant) error {
		c.State, c.Owner, c.Deadline, c.LastActiveAt = catalog.Awake, "me", time.Now(), time.Now()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	before := lookup(t, store, "acme")
	store = reopen(t, store, dir)
	after := lookup(t, store, "acme")
	for _, difference := range storetest.Differences(after, before) {
		t.Errorf("after the restart: %s", difference)
	}
	if _, err := store.LookupHostname(t.Context(), "db.example"); err != nil {
		t.Error(err)
	}
}

func TestWrittenByHand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "acme.toml", `
driver = "static"
hostnames = ["DB.example"]
backend = { host = "/run/postgresql" }
roles = [{ name = "app", verifier = "`+verifier+`" }, { name = "job", can_login = false, valid_until = 2030-01-01T00:00:00+01:00 }]
`)
	store := open(t, dir)
	tenant := lookup(t, store, "acme")
	wantVersion(t, "new", tenant, 1)
	if tenant.State != catalog.Provisioning || tenant.UID == "" || tenant.Backend.Host != "/run/postgresql" {
		t.Errorf("read as %+v", tenant)
	}
	if want := (catalog.Role{Name: "app", Verifier: verifier, CanLogin: true}); tenant.Roles["app"] != want {
		t.Errorf("role app is %+v", tenant.Roles["app"])
	}
	if want := (catalog.Role{Name: "job", ValidUntil: time.Date(2029, 12, 31, 23, 0, 0, 0, time.UTC)}); tenant.Roles["job"] != want {
		t.Errorf("role job is %+v", tenant.Roles["job"])
	}
	if _, err := store.LookupHostname(t.Context(), "db.example"); err != nil {
		t.Error(err)
	}

	// It comes, changes and goes while the store is open.
	write(t, dir, "other.toml", `driver = "static"`)
	wantVersion(t, "added", lookup(t, store, "other"), 1)
	write(t, dir, "other.toml", "# a comment\ndriver = 'static'\n[labels]\n")
	wantVersion(t, "said differently", lookup(t, store, "other"), 1)
	write(t, dir, "other.toml", `driver = "static"`+"\nregion = 'x'")
	changed := lookup(t, store, "other")
	wantVersion(t, "changed", changed, 2)
	if err := os.Remove(filepath.Join(dir, "other.toml")); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Lookup(t.Context(), "other"); !errors.Is(err, catalog.ErrNotFound) {
		t.Errorf("look up what was removed: %v", err)
	}
	write(t, dir, "other.toml", `driver = "static"`+"\nregion = 'x'")
	if back := lookup(t, store, "other"); back.UID != changed.UID || back.Version != 2 {
		t.Errorf("what has come back is %+v", back)
	}
}

func TestChangedWhileClosed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "acme.toml", `driver = "static"`)
	write(t, dir, "gone.toml", `driver = "static"`)
	store := open(t, dir)
	first := lookup(t, store, "acme")
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "acme.toml", `driver = "process"`)
	if err := os.Remove(filepath.Join(dir, "gone.toml")); err != nil {
		t.Fatal(err)
	}
	store = open(t, dir)
	second := lookup(t, store, "acme")
	wantVersion(t, "changed", second, 2)
	if second.Driver != "process" || second.UID != first.UID {
		t.Errorf("read as %+v", second)
	}
	if _, err := store.Lookup(t.Context(), "gone"); !errors.Is(err, catalog.ErrNotFound) {
		t.Errorf("look up what was removed: %v", err)
	}
}

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

func TestOneProxyOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := open(t, dir)
	second, err := filestore.Open(filestore.Config{Dir: dir})
	if err == nil {
		second.Close()
		t.Fatal("two have the directory open")
	}
	if !strings.Contains(err.Error(), "another proxy") {
		t.Errorf("error is %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Lookup(t.Context(), "acme"); !errors.Is(err, catalog.ErrUnavailable) {
		t.Errorf("look up when closed: %v", err)
	}
	open(t, dir)
	if err := first.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
	if _, err := filestore.Open(filestore.Config{Dir: filepath.Join(dir, "missing")}); err == nil {
		t.Error("opened a directory that is not there")
	}
}

// TestWatchEdits: hints come without anybody's looking, for files that are
// rewritten, replaced and removed, and for one outside the directory, where the
// system tells nothing and polling has to find it.
func TestWatchEdits(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	write(t, elsewhere, "content", "driver = 'static'")
	if err := os.Symlink(filepath.Join(elsewhere, "content"), filepath.Join(dir, "linked.toml")); err != nil {
		t.Fatal(err)
	}
	store := open(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	reports := make(chan catalog.TenantID, 1000)
	ended := make(chan error, 1)
	go func() { ended <- store.Watch(ctx, func(id catalog.TenantID) { reports <- id }) }()
	defer func() { cancel(); <-ended }()
	want := func(what string, want catalog.TenantID) {
		t.Helper()
		timeout := time.After(30 * time.Second)
		for {
			select {
			case got := <-reports:
				if got == want {
					return
				}
			case <-timeout:
				t.Fatalf("%s: no report of %q", what, want)
			}
		}
	}
	want("start", "")
	write(t, dir, "acme.toml", "driver = 'static'")
	want("new", "acme")
	write(t, dir, "acme.toml", "driver = 'process'")
	want("rewritten", "acme")
	write(t, dir, "draft", "driver = 'static'")
	if err := os.Rename(filepath.Join(dir, "draft"), filepath.Join(dir, "acme.toml")); err != nil {
		t.Fatal(err)
	}
	want("replaced", "acme")
	if err := os.Remove(filepath.Join(dir, "acme.toml")); err != nil {
		t.Fatal(err)
	}
	want("removed", "acme")
	write(t, elsewhere, "content", "driver = 'static'\nregion = 'x'")
	want("changed elsewhere", "linked")
}
