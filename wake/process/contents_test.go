package process

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"postern/catalog"
	"postern/wake"
	"postern/wake/drivertest"
)

// Roles are what the record says: one that may not log in, or no longer, must not
// be let in by being made.
func TestRolesOfTheRecord(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	tenant := drivertest.Tenant(t, "acme")
	until := time.Date(2031, 2, 3, 4, 5, 6, 789000000, time.FixedZone("", 3600))
	verifier := drivertest.Verifier(t, "bob's")
	tenant.Roles = map[string]catalog.Role{
		"bob":    {Name: "bob", CanLogin: true, Verifier: verifier, ValidUntil: until},
		"asleep": {Name: "asleep", Verifier: verifier},
		"all":    {Name: "all", CanLogin: true, ReadOnly: true, Verifier: verifier},
	}
	tenant.Databases = []string{"bobs"}
	e := awake(t, d, tenant)
	bob := drivertest.Connect(t, e, drivertest.Login{Role: "bob", Password: "bob's", Database: "bobs"})
	drivertest.Exec(t, bob, "CREATE TABLE here (i int)") // as its owner
	if _, err := drivertest.TryConnect(t, e, drivertest.Login{Role: "asleep", Password: "bob's", Database: "bobs"}); err == nil {
		t.Error("a role that may not log in was let in")
	}
	if err := d.Suspend(t.Context(), tenant, wake.Suspension{Force: true, Roles: func(_ context.Context, roles map[string]catalog.Role) error {
		tenant.Roles = roles
		return nil
	}}); err != nil {
		t.Fatal(err)
	}
	if bob := tenant.Roles["bob"]; !bob.ValidUntil.Equal(until) || !bob.CanLogin || bob.Verifier != verifier {
		t.Errorf("bob: can log in %v, until %v", bob.CanLogin, bob.ValidUntil)
	}
	if asleep := tenant.Roles["asleep"]; asleep.CanLogin || asleep.Verifier != verifier {
		t.Errorf("asleep: can log in %v", asleep.CanLogin)
	}
}

// A record that asks for what cannot be says so to the operator.
func TestImpossibleRecords(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	for name, change := range map[string]func(*catalog.Tenant){
		"reserved-role":     func(t *catalog.Tenant) { t.Roles["postgres"] = catalog.Role{CanLogin: true} },
		"md5":               func(t *catalog.Tenant) { t.Roles["app"] = catalog.Role{CanLogin: true, Verifier: "md5abc"} },
		"reserved-database": func(t *catalog.Tenant) { t.Databases = []string{"template1"} },
	} {
		tenant := drivertest.Tenant(t, catalog.TenantID(name))
		change(tenant)
		var failed *wake.FailedError
		if err := d.Provision(t.Context(), tenant); !errors.As(err, &failed) || failed.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := d.Wake(t.Context(), tenant); !errors.Is(err, wake.ErrNotProvisioned) {
			t.Errorf("%s: wake: %v", name, err)
		}
		if _, err := os.Stat(d.tenant(tenant.ID).dataDir()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: its data directory: %v", name, err)
		}
	}
}
