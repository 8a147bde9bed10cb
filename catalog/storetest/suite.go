package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"postern/catalog"
)

// Run runs the suite. newStore is called once a test, with that test, and
// returns an empty store that nobody else uses; it registers whatever closes it
// with t.Cleanup. The tests run in parallel.
func Run(t *testing.T, newStore func(t *testing.T) catalog.Store) {
	tests := []struct {
		name string
		run  func(t *testing.T, store catalog.Store)
	}{
		{"CreateAndLookup", testCreateAndLookup},
		{"CreateRefusesBadTenants", testCreateRefusesBadTenants},
		{"CreateOfExisting", testCreateOfExisting},
		{"NothingAliased", testNothingAliased},
		{"Purge", testPurge},
		{"NotFound", testNotFound},
		{"HostnameLookup", testHostnameLookup},
		{"HostnameUnique", testHostnameUnique},
		{"HostnameMoves", testHostnameMoves},
		{"HostnameOfDeleted", testHostnameOfDeleted},
		{"Update", testUpdate},
		{"UpdateEachField", testUpdateEachField},
		{"UpdateOfNothing", testUpdateOfNothing},
		{"UpdateLeavesState", testUpdateLeavesState},
		{"Transition", testTransition},
		{"ChangeFails", testChangeFails},
		{"ConcurrentUpdates", testConcurrentUpdates},
		{"ConcurrentTransitions", testConcurrentTransitions},
		{"Remember", testRemember},
		{"RememberOfPassedVersion", testRememberOfPassedVersion},
		{"RememberBound", testRememberBound},
		{"RememberOddSettings", testRememberOddSettings},
		{"GreetingsForgotten", testGreetingsForgotten},
		{"ListPages", testListPages},
		{"ListSelects", testListSelects},
		{"Watch", testWatch},
		{"WatchEnds", testWatchEnds},
		{"Cancelled", testCancelled},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, newStore(t))
		})
	}
}

// example is a tenant with something in every field of its configuration.
func example(id catalog.TenantID) *catalog.Tenant {
	return &catalog.Tenant{
		ID:          id,
		State:       catalog.Provisioning,
		Owner:       "proxy-1",
		Deadline:    time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.FixedZone("", 3600)),
		Driver:      "static",
		Region:      "eu-1",
		Hostnames:   []string{"b." + string(id) + ".example", "a." + string(id) + ".example"},
		Labels:      map[string]string{"plan": "pro", "äöü": "'\"\\"},
		Settings:    map[string]string{"theme": ""},
		Postgres:    map[string]string{"work_mem": "8MB"},
		PGVersion:   17,
		PoolMode:    "session",
		IdleTimeout: "10m",
		Backend:     catalog.Backend{Host: "db.example", Port: 5433, TLS: "verify-ca", RootCert: "/etc/ca.crt"},
		Roles: map[string]catalog.Role{
			"app": {
				Name: "app", Verifier: verifier("app"), CanLogin: true,
				ValidUntil: time.Date(2099, 12, 31, 23, 59, 59, 0, time.UTC),
			},
			"Read Only": {Name: "Read Only", Verifier: verifier("reader"), CanLogin: true, ReadOnly: true},
			"nobody":    {Name: "nobody"},
		},
		Databases: []string{"second", "app"},
	}
}

// verifier is of the right form; no password fits it.
func verifier(salt string) string {
	return "SCRAM-SHA-256$4096:" + salt + "$c3RvcmVk:c2VydmVy"
}

func create(t *testing.T, store catalog.Store, tenant *catalog.Tenant) *catalog.Tenant {
	t.Helper()
	created, err := store.Create(t.Context(), tenant)
	if err != nil {
		t.Fatalf("create %s: %v", tenant.ID, err)
	}
	return created
}

func lookup(t *testing.T, store catalog.Store, id catalog.TenantID) *catalog.Tenant {
	t.Helper()
	found, err := store.Lookup(t.Context(), id)
	if err != nil {
		t.Fatalf("look up %s: %v", id, err)
	}
	return found
}

func update(t *testing.T, store catalog.Store, id catalog.TenantID, change func(*catalog.Tenant)) *catalog.Tenant {
	t.Helper()
	updated, err := store.Update(t.Context(), id, func(c *catalog.Tenant) error { change(c); return nil })
	if err != nil {
		t.Fatalf("update %s: %v", id, err)
	}
	return updated
}

func transition(t *testing.T, store catalog.Store, id catalog.TenantID, change func(*catalog.Tenant)) *catalog.Tenant {
	t.Helper()
	moved, err := store.Transition(t.Context(), id, func(c *catalog.Tenant) error { change(c); return nil })
	if err != nil {
		t.Fatalf("transition %s: %v", id, err)
	}
	return moved
}

func wantError(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: error %v, want %v", what, got, want)
	}
}

// Differences names each field in which two records differ, with both values.
func Differences(got, want *catalog.Tenant) []string {
	var differences []string
	g, w := reflect.ValueOf(*got), reflect.ValueOf(*want)
	for i := range g.NumField() {
		if !reflect.DeepEqual(g.Field(i).Interface(), w.Field(i).Interface()) {
			differences = append(differences, fmt.Sprintf("%s is %+v, want %+v", g.Type().Field(i).Name, g.Field(i).Interface(), w.Field(i).Interface()))
		}
	}
	return differences
}

func wantSame(t *testing.T, what string, got, want *catalog.Tenant) {
	t.Helper()
	for _, difference := range Differences(got, want) {
		t.Errorf("%s: %s", what, difference)
	}
}

// wantFiled checks that what a write returned is what is read afterwards.
func wantFiled(t *testing.T, store catalog.Store, returned *catalog.Tenant) {
	t.Helper()
	wantSame(t, "read after write", lookup(t, store, returned.ID), returned)
}

func testCancelled(t *testing.T, store catalog.Store) {
	create(t, store, example("acme"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	nothing := func(*catalog.Tenant) error { return nil }
	for name, call := range map[string]func() error{
		"Lookup":         func() error { _, err := store.Lookup(ctx, "acme"); return err },
		"LookupHostname": func() error { _, err := store.LookupHostname(ctx, "a.acme.example"); return err },
		"List":           func() error { _, err := store.List(ctx, catalog.Query{}); return err },
		"Create":         func() error { _, err := store.Create(ctx, example("other")); return err },
		"Update":         func() error { _, err := store.Update(ctx, "acme", nothing); return err },
		"Transition":     func() error { _, err := store.Transition(ctx, "acme", nothing); return err },
		"Remember":       func() error { return store.Remember(ctx, "acme", 1, catalog.Greeting{Role: "app"}) },
		"Forget":         func() error { return store.Forget(ctx, "acme") },
		"Purge":          func() error { return store.Purge(ctx, "acme") },
		"Watch":          func() error { return store.Watch(ctx, func(catalog.TenantID) {}) },
	} {
		wantError(t, name, call(), context.Canceled)
	}
	if lookup(t, store, "acme").Generation != 0 {
		t.Error("a cancelled call has written")
	}
}
