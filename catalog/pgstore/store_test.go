package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/catalog"
	"postern/catalog/pgstore"
	"postern/catalog/storetest"
	"postern/proxy/pgtest"
)

// catalogURLs starts a server for the test and returns a function that makes an
// empty database on it.
func catalogURLs(t *testing.T) (server *pgtest.Postgres, newURL func(t *testing.T) string) {
	t.Helper()
	server = pgtest.Start(t, pgtest.Config{})
	var number atomic.Int64
	return server, func(t *testing.T) string {
		t.Helper()
		name := fmt.Sprintf("catalog%d", number.Add(1))
		server.Exec(t, "create database "+name)
		return server.DSN("postgres", name)
	}
}

func open(t *testing.T, url string) *pgstore.Store {
	t.Helper()
	store, err := pgstore.Open(t.Context(), pgstore.Config{URL: url, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store
}

func TestOperations(t *testing.T) {
	t.Parallel()
	_, newURL := catalogURLs(t)
	storetest.RunOperations(t, func(t *testing.T) storetest.Operations { return open(t, newURL(t)) })
}

func TestStore(t *testing.T) {
	t.Parallel()
	_, newURL := catalogURLs(t)
	storetest.Run(t, func(t *testing.T) catalog.Store { return open(t, newURL(t)) })
}

func TestSharedStore(t *testing.T) {
	t.Parallel()
	_, newURL := catalogURLs(t)
	storetest.RunShared(t, func(t *testing.T) storetest.Shared { return open(t, newURL(t)) })
}

// TestNumbersAreTaken: when there is no number left, who has lapsed loses its own.
func TestNumbersAreTaken(t *testing.T) {
	t.Parallel()
	_, newURL := catalogURLs(t)
	url := newURL(t)
	store := open(t, url)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `
		insert into postern.proxies (number, id, boot, address, lease, since, expires_at)
		select n, n, n, '', '1 hour', now(), now() + case when n = 7 then '-1 second' else '1 hour' end::interval
		from generate_series(0, 4095) as n`); err != nil {
		t.Fatal(err)
	}
	join := func(id string) (catalog.Proxy, error) {
		return store.Join(t.Context(), catalog.Proxy{ID: id, Boot: "boot of " + id, Lease: time.Hour})
	}
	if again, err := join("42"); err != nil || again.Number != 42 {
		t.Errorf("one that starts again has the number %d: %v", again.Number, err)
	}
	if last, err := join("last"); err != nil || last.Number != 7 {
		t.Errorf("the last has the number %d: %v", last.Number, err)
	}
	if _, err := join("one more"); !errors.Is(err, catalog.ErrNoNumber) {
		t.Errorf("error %v, want %v", err, catalog.ErrNoNumber)
	}
}

// TestOpenAtOnce: proxies of a fleet start together on an empty database.
func TestOpenAtOnce(t *testing.T) {
	t.Parallel()
	server, newURL := catalogURLs(t)
	url := newURL(t)
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() { open(t, url) })
	}
	group.Wait()
	if t.Failed() {
		return
	}
	store := open(t, url)
	if _, err := store.Create(t.Context(), &catalog.Tenant{ID: "acme"}); err != nil {
		t.Error(err)
	}
	if got := server.Exec(t, "select count(*) from pg_stat_activity where application_name = 'postern' and state <> 'idle'"); got != "0" {
		t.Errorf("%s connections are still at work", got)
	}
}

// TestOpenWithoutRights: once the schema is there, a role that may use it needs
// no right to create it.
func TestOpenWithoutRights(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Config{})
	server.Exec(t, "create schema postern authorization app; revoke create on database app from public, app")
	server.Exec(t, "alter database app owner to postgres")
	store := open(t, server.DSN("app", "app"))
	if _, err := store.Create(t.Context(), &catalog.Tenant{ID: "acme"}); err != nil {
		t.Error(err)
	}
	if got := server.Exec(t, "select count(*) from pg_class where relnamespace = 'public'::regnamespace"); got != "0" {
		t.Errorf("%s relations outside the schema postern", got)
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Config{})
	for _, test := range []struct {
		name, url   string
		unavailable bool
	}{
		{"nobody listens", "postgres://postgres:secret@127.0.0.1:1/app", true},
		{"no such database", server.DSN("postgres", "missing"), false},
		{"wrong password", server.DSN("nobody", "app"), false},
		{"malformed", "postgres://postgres:secret@127.0.0.1:port/app", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			store, err := pgstore.Open(t.Context(), pgstore.Config{URL: test.url})
			if err == nil {
				store.Close()
				t.Fatal("opened")
			}
			if errors.Is(err, catalog.ErrUnavailable) != test.unavailable {
				t.Errorf("error is %q, ErrUnavailable should be %v", err, test.unavailable)
			}
			for _, secret := range []string{"secret", pgtest.Password} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error shows the password: %v", err)
				}
			}
		})
	}
}

// TestTwoProxies: each sees what the other writes and hears of it.
func TestTwoProxies(t *testing.T) {
	t.Parallel()
	_, newURL := catalogURLs(t)
	url := newURL(t)
	one, two := open(t, url), open(t, url)
	reports := watch(t, two)
	wantReport(t, reports, "")
	created, err := one.Create(t.Context(), &catalog.Tenant{ID: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	wantReport(t, reports, "acme")
	if seen, err := two.Lookup(t.Context(), "acme"); err != nil || seen.UID != created.UID {
		t.Errorf("the other proxy sees %+v, %v", seen, err)
	}
}

// TestDeadlock: a transaction that the database sacrifices is done again, and
// its caller is not told.
func TestDeadlock(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Config{Settings: map[string]string{"deadlock_timeout": "10ms"}})
	store := open(t, server.DSN("postgres", "app"))
	for _, id := range []catalog.TenantID{"a", "b"} {
		if _, err := store.Create(t.Context(), &catalog.Tenant{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	other, err := pgx.Connect(t.Context(), server.DSN("postgres", "app"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(context.WithoutCancel(t.Context()))
	exec := func(sql string) {
		if _, err := other.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	// The other holds the host name that is wanted, and is slower to look for a
	// deadlock, so that it is the store that is sacrificed.
	exec("set deadlock_timeout = '2s'")
	exec("begin")
	exec("insert into postern.hostnames values ('x.example', 'b', 1)")
	var group sync.WaitGroup
	calls := 0
	updated, err := store.Update(t.Context(), "a", func(c *catalog.Tenant) error {
		if calls++; calls == 1 {
			group.Go(func() {
				// This update holds it. The second one may get it before us, and
				// then it can be our turn to be sacrificed.
				_, _ = other.Exec(t.Context(), "select from postern.tenants where id = 'a' for update")
				exec("rollback")
			})
			for server.Exec(t, "select count(*) from pg_locks where not granted") == "0" && !t.Failed() {
				time.Sleep(time.Millisecond)
			}
		}
		c.Hostnames = []string{"x.example"}
		return nil
	})
	group.Wait()
	if err != nil || calls < 2 {
		t.Fatalf("update: %v, change was called %d times, want more than once", err, calls)
	}
	if updated.Version != 2 || len(updated.Hostnames) != 1 {
		t.Errorf("updated to %+v", updated)
	}
}

// TestDatabaseGoes: what fails meanwhile is ErrUnavailable, and the same store
// works again afterwards, Watch included.
func TestDatabaseGoes(t *testing.T) {
	t.Parallel()
	server, newURL := catalogURLs(t)
	url := newURL(t)
	store := open(t, url)
	if _, err := store.Create(t.Context(), &catalog.Tenant{ID: "acme"}); err != nil {
		t.Fatal(err)
	}
	reports := watch(t, store)
	wantReport(t, reports, "")

	// Nobody gets in, and whoever is in is thrown out.
	server.Exec(t, "alter database catalog1 allow_connections false")
	server.Exec(t, "select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = 'catalog1'")
	_, err := store.Lookup(t.Context(), "acme")
	if !errors.Is(err, catalog.ErrUnavailable) {
		t.Errorf("look up while its connections are ended: %v, want ErrUnavailable", err)
	}
	server.Exec(t, "alter database catalog1 allow_connections true")

	wantReport(t, reports, "") // connected again
	if _, err := store.Update(t.Context(), "acme", func(c *catalog.Tenant) error { c.Region = "x"; return nil }); err != nil {
		t.Errorf("update afterwards: %v", err)
	}
	wantReport(t, reports, "acme")
}

// TestDatabaseUnreachable: so are the errors of every method while nobody can
// be connected to.
func TestDatabaseUnreachable(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Config{})
	socket := server.SocketTarget("postgres", "app").Address
	way := filepath.Join(t.TempDir(), filepath.Base(socket))
	if err := os.Symlink(socket, way); err != nil {
		t.Fatal(err)
	}
	store := open(t, fmt.Sprintf("host=%s port=%d user=postgres dbname=app", filepath.Dir(way), server.Port))
	if _, err := store.Create(t.Context(), &catalog.Tenant{ID: "acme"}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(way); err != nil {
		t.Fatal(err)
	}
	server.Exec(t, "select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = 'postern'")
	nothing := func(*catalog.Tenant) error { return nil }
	for name, call := range map[string]func() error{
		"Lookup":         func() error { _, err := store.Lookup(t.Context(), "acme"); return err },
		"LookupHostname": func() error { _, err := store.LookupHostname(t.Context(), "acme.example"); return err },
		"List":           func() error { _, err := store.List(t.Context(), catalog.Query{}); return err },
		"Create":         func() error { _, err := store.Create(t.Context(), &catalog.Tenant{ID: "other"}); return err },
		"Update":         func() error { _, err := store.Update(t.Context(), "acme", nothing); return err },
		"Transition":     func() error { _, err := store.Transition(t.Context(), "acme", nothing); return err },
		"Remember":       func() error { return store.Remember(t.Context(), "acme", 1, catalog.Greeting{Role: "app"}) },
		"Forget":         func() error { return store.Forget(t.Context(), "acme") },
		"Purge":          func() error { return store.Purge(t.Context(), "acme") },
	} {
		if err := call(); !errors.Is(err, catalog.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable", name, err)
		}
	}
}

// TestConnections: the catalog's database serves a fleet.
func TestConnections(t *testing.T) {
	t.Parallel()
	server, newURL := catalogURLs(t)
	store := open(t, newURL(t))
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			for range 20 {
				if _, err := store.List(t.Context(), catalog.Query{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if got := server.Exec(t, "select count(*) <= 4 from pg_stat_activity where datname = 'catalog1'"); got != "t" {
		t.Error("more than four connections")
	}
}

// watch runs Watch until the test ends.
func watch(t *testing.T, store *pgstore.Store) <-chan catalog.TenantID {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	reports := make(chan catalog.TenantID, 1000)
	ended := make(chan error, 1)
	go func() { ended <- store.Watch(ctx, func(id catalog.TenantID) { reports <- id }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != context.Canceled {
			t.Errorf("Watch returned %v", err)
		}
	})
	return reports
}

func wantReport(t *testing.T, reports <-chan catalog.TenantID, id catalog.TenantID) {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		select {
		case got := <-reports:
			if got == id {
				return
			}
		case <-timeout:
			t.Fatalf("no report of %q", id)
		}
	}
}
