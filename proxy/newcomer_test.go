package proxy_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"postern/catalog"
	"postern/catalog/memstore"
	"postern/proxy"
	"postern/proxy/auth"
	"postern/proxy/pgtest"
)

// registry files newcomers; before, if set, is called just before it does.
type registry struct {
	store  *memstore.Store
	before func(id catalog.TenantID)
}

func (r *registry) Create(ctx context.Context, id catalog.TenantID, verifier string) (*catalog.Tenant, error) {
	if r.before != nil {
		r.before(id)
	}
	return r.store.Create(ctx, newcomer(id, verifier))
}

func newcomer(id catalog.TenantID, verifier string) *catalog.Tenant {
	return &catalog.Tenant{
		ID: id, State: catalog.Provisioning, Driver: "test",
		Roles: map[string]catalog.Role{"app": {Name: "app", Verifier: verifier, CanLogin: true}},
	}
}

// newcomersWorld is a world with the rule that the password of acme makes tenants.
func newcomersWorld(t *testing.T, pg *pgtest.Postgres, change func(*proxy.Config, *registry)) *world {
	r := &registry{}
	w := newWorld(t, pg, func(c *proxy.Config) {
		r.store = c.Greetings.(*memstore.Store)
		c.Newcomers = r
		c.Settings.NewcomerVerifier = pg.Exec(t, "select rolpassword from pg_authid where rolname = 'app'")
		if change != nil {
			change(c, r)
		}
	})
	return w
}

// as is the target with another user name.
func (w *world) as(user, password string) pgtest.Target {
	target := w.target()
	target.User, target.Password = user, password
	return target
}

func (w *world) mustNotExist(t *testing.T, id catalog.TenantID) {
	t.Helper()
	if found, err := w.store.Lookup(t.Context(), id); !errors.Is(err, catalog.ErrNotFound) {
		t.Errorf("there is a tenant %+v, %v", found, err)
	}
}

// Only who has proved the rule's password as role app has a tenant made.
func TestNewcomers(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newcomersWorld(t, pg, nil)
	deleted := newcomer("deleted", pg.Exec(t, "select rolpassword from pg_authid where rolname = 'app'"))
	deleted.DeletedAt = time.Now()
	if _, err := w.store.Create(t.Context(), deleted); err != nil {
		t.Fatal(err)
	}
	expectFatal(t, w.as("app.fresh", "wrong"), "28P01")
	expectFatal(t, w.as("root.fresh", pgtest.Password), "28P01")
	expectFatal(t, w.as("app.deleted", pgtest.Password), "28P01")
	expectFatal(t, w.as("app.fresh", pgtest.Password).With("replication", "true"), "28P01")
	w.mustNotExist(t, "fresh")
	if wakes := w.gate.count(); wakes != 0 {
		t.Errorf("strangers have woken %d times", wakes)
	}
	for range 2 { // the second time it is there
		pgtest.Connect(t, w.as("app.fresh", pgtest.Password)).Close()
	}
	found, err := w.store.Lookup(t.Context(), "fresh")
	if err != nil || found.Roles["app"].Verifier == "" {
		t.Errorf("filed is %+v, %v", found, err)
	}
}

func TestNoNewcomers(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	for name, change := range map[string]func(*proxy.Config, *registry){
		"no rule":         func(c *proxy.Config, _ *registry) { c.Settings.NewcomerVerifier = "" },
		"nobody to make":  func(c *proxy.Config, _ *registry) { c.Newcomers = nil },
		"a useless rule":  func(c *proxy.Config, _ *registry) { c.Settings.NewcomerVerifier = "SCRAM-SHA-256$x" },
		"a mere observer": func(c *proxy.Config, _ *registry) { c.Settings.IgnoreApplicationNames = []string{"monitor"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newcomersWorld(t, pg, change)
			expectFatal(t, w.as("app.fresh", pgtest.Password).With("application_name", "monitor"), "28P01")
			w.mustNotExist(t, "fresh")
		})
	}
	w := newcomersWorld(t, pg, func(c *proxy.Config, _ *registry) { c.Settings.ShowUnknownTenants = true })
	expectFatal(t, w.as("bob.fresh", pgtest.Password), "3D000")
	expectFatal(t, w.as("app.fresh", "wrong"), "28P01")
	w.mustNotExist(t, "fresh")
}

func TestNewcomersPerMinute(t *testing.T) {
	t.Parallel()
	w := newcomersWorld(t, pgtest.Start(t, pgtest.Config{}), func(c *proxy.Config, _ *registry) { c.Settings.NewcomersPerMinute = 2 })
	for _, id := range []string{"one", "two"} {
		pgtest.Connect(t, w.as("app."+id, pgtest.Password)).Close()
	}
	if failure := expectFatal(t, w.as("app.three", pgtest.Password), "53400"); failure.Hint == "" {
		t.Error("no hint")
	}
	w.mustNotExist(t, "three")
	pgtest.Connect(t, w.as("app.one", pgtest.Password)).Close() // it is no newcomer
}

// Somebody else may file the tenant first: it is the client's if it has the same
// password.
func TestNewcomersRace(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newcomersWorld(t, pg, func(c *proxy.Config, r *registry) {
		r.before = func(id catalog.TenantID) {
			verifier := c.Settings.NewcomerVerifier
			if id == "theirs" {
				verifier = auth.NewVerifier("theirs").String()
			}
			if _, err := r.store.Create(context.Background(), newcomer(id, verifier)); err != nil {
				t.Error(err)
			}
		}
	})
	pgtest.Connect(t, w.as("app.ours", pgtest.Password)).Close()
	expectFatal(t, w.as("app.theirs", pgtest.Password), "57P03")
	expectFatal(t, w.as("app.theirs", pgtest.Password), "28P01")
}
