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

func TestOperations(t *testing.T) {
	t.Parallel()
	storetest.RunOperations(t, func(t *testing.T) storetest.Operations { return open(t, t.TempDir()) })
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

// TestQuickEdits: two contents of one length within one tick of the file
// system's clock are told apart.
func TestQuickEdits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := open(t, dir)
	tick := time.Now().Add(time.Hour) // however slow the test is
	for i := range 100 {
		want := string(rune('a' + i%26))
		write(t, dir, "acme.toml", "driver = 'static'\nregion = '"+want+"'")
		if err := os.Chtimes(filepath.Join(dir, "acme.toml"), tick, tick); err != nil {
			t.Fatal(err)
		}
		if got := lookup(t, store, "acme").Region; got != want {
			t.Fatalf("edit %d: region is %q, want %q", i, got, want)
		}
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
