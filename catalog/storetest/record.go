package storetest

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"postern/catalog"
)

func testCreateAndLookup(t *testing.T, store catalog.Store) {
	before := time.Now().Add(-time.Millisecond)
	created := create(t, store, example("acme"))
	if created.Version != 1 {
		t.Errorf("version is %d, want 1", created.Version)
	}
	if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(created.UID) {
		t.Errorf("UID is %q, want 32 hexadecimal digits", created.UID)
	}
	if created.CreatedAt.Before(before) || created.CreatedAt.After(time.Now()) || !created.UpdatedAt.Equal(created.CreatedAt) {
		t.Errorf("created at %v, updated at %v", created.CreatedAt, created.UpdatedAt)
	}

	want := example("acme")
	want.UID, want.Version, want.CreatedAt, want.UpdatedAt = created.UID, 1, created.CreatedAt, created.UpdatedAt
	want.Deadline = time.Date(2026, 1, 2, 2, 4, 5, 678901000, time.UTC)
	want.Greetings = map[string]catalog.Greeting{}
	wantSame(t, "created", created, want)
	wantFiled(t, store, created)

	// The barest record: callers may write into its maps nevertheless.
	bare := create(t, store, &catalog.Tenant{ID: "bare", UID: "0123456789abcdef0123456789abcdef", State: catalog.Asleep, Driver: "process"})
	if bare.UID != "0123456789abcdef0123456789abcdef" {
		t.Errorf("UID is %s, not the one given", bare.UID)
	}
	wantFiled(t, store, bare)
	if bare.Hostnames == nil || bare.Labels == nil || bare.Settings == nil || bare.Postgres == nil ||
		bare.Roles == nil || bare.Databases == nil || bare.Greetings == nil {
		t.Errorf("a map or list is nil: %+v", bare)
	}
}

func testCreateRefusesBadTenants(t *testing.T, store catalog.Store) {
	for name, tenant := range map[string]*catalog.Tenant{
		"no id":          {},
		"upper case":     {ID: "Acme"},
		"path":           {ID: "../acme"},
		"reserved":       {ID: "postgres"},
		"empty hostname": {ID: "acme", Hostnames: []string{""}},
	} {
		tenant.Driver = "static"
		if _, err := store.Create(t.Context(), tenant); err == nil {
			t.Errorf("%s: created", name)
		}
	}
}

func testCreateOfExisting(t *testing.T, store catalog.Store) {
	created := create(t, store, example("acme"))
	_, err := store.Create(t.Context(), &catalog.Tenant{ID: "acme", Driver: "process"})
	wantError(t, "create again", err, catalog.ErrExists)
	wantFiled(t, store, created)

	deleted := transition(t, store, "acme", func(c *catalog.Tenant) {
		c.State, c.DeletedAt = catalog.Deleting, time.Now()
	})
	wantFiled(t, store, deleted)
	_, err = store.Create(t.Context(), &catalog.Tenant{ID: "acme", Driver: "process"})
	wantError(t, "create a deleted one again", err, catalog.ErrExists)
}

// testNothingAliased: a caller that breaks the rule and writes to what it was
// given, or later to what it gave, damages its own copy alone.
func testNothingAliased(t *testing.T, store catalog.Store) {
	spoil := func(c *catalog.Tenant) {
		c.Driver = "spoilt"
		c.Hostnames[0], c.Databases[0] = "spoilt", "spoilt"
		c.Labels["plan"], c.Settings["theme"], c.Postgres["work_mem"] = "spoilt", "spoilt", "spoilt"
		c.Roles["app"] = catalog.Role{Name: "app", Verifier: "spoilt"}
	}
	given := example("acme")
	returned := create(t, store, given)
	want := returned.Clone()
	check := func(what string) {
		t.Helper()
		wantSame(t, what, lookup(t, store, "acme"), want)
	}
	spoil(given)
	check("spoilt after being created")
	spoil(returned)
	check("spoilt what Create returned")
	spoil(lookup(t, store, "acme"))
	check("spoilt what Lookup returned")
	byHostname, err := store.LookupHostname(t.Context(), "a.acme.example")
	if err != nil {
		t.Fatal(err)
	}
	spoil(byHostname)
	check("spoilt what LookupHostname returned")
	listed, err := store.List(t.Context(), catalog.Query{})
	if err != nil {
		t.Fatal(err)
	}
	spoil(listed[0])
	check("spoilt what List returned")

	var kept *catalog.Tenant
	returned = update(t, store, "acme", func(c *catalog.Tenant) { c.Region, kept = "eu-2", c })
	want = returned.Clone()
	spoil(kept)
	check("spoilt what change was given")
	spoil(returned)
	check("spoilt what Update returned")
	returned = transition(t, store, "acme", func(c *catalog.Tenant) { c.State, kept = catalog.Asleep, c })
	want = returned.Clone()
	spoil(kept)
	check("spoilt what the transition was given")
	spoil(returned)
	check("spoilt what Transition returned")
}

func testPurge(t *testing.T, store catalog.Store) {
	first := create(t, store, example("acme"))
	if err := store.Remember(t.Context(), "acme", 1, catalog.Greeting{Role: "app"}); err != nil {
		t.Fatal(err)
	}
	if err := store.Purge(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	_, err := store.Lookup(t.Context(), "acme")
	wantError(t, "look up a purged one", err, catalog.ErrNotFound)
	_, err = store.LookupHostname(t.Context(), "a.acme.example")
	wantError(t, "look up its hostname", err, catalog.ErrNotFound)

	second := create(t, store, example("acme"))
	if second.UID == first.UID {
		t.Error("the new tenant has the UID of the purged one")
	}
	if len(second.Greetings) != 0 {
		t.Error("the new tenant has the greetings of the purged one")
	}
	wantFiled(t, store, second)
}

func testNotFound(t *testing.T, store catalog.Store) {
	create(t, store, example("acme"))
	never := func(*catalog.Tenant) error { t.Error("change was called"); return nil }
	for _, id := range []catalog.TenantID{"other", "", "../acme", "ACME"} {
		_, err := store.Lookup(t.Context(), id)
		wantError(t, "Lookup", err, catalog.ErrNotFound)
		_, err = store.Update(t.Context(), id, never)
		wantError(t, "Update", err, catalog.ErrNotFound)
		_, err = store.Transition(t.Context(), id, never)
		wantError(t, "Transition", err, catalog.ErrNotFound)
		wantError(t, "Remember", store.Remember(t.Context(), id, 1, catalog.Greeting{Role: "app"}), catalog.ErrNotFound)
		wantError(t, "Forget", store.Forget(t.Context(), id), catalog.ErrNotFound)
		wantError(t, "Purge", store.Purge(t.Context(), id), catalog.ErrNotFound)
	}
}

func testHostnameLookup(t *testing.T, store catalog.Store) {
	tenant := example("acme")
	tenant.Hostnames = []string{"DB.Acme.Example", "second.example", "db.acme.example"}
	created := create(t, store, tenant)
	if want := []string{"db.acme.example", "second.example"}; !slices.Equal(created.Hostnames, want) {
		t.Errorf("hostnames are %q, want %q", created.Hostnames, want)
	}
	for _, hostname := range created.Hostnames {
		found, err := store.LookupHostname(t.Context(), hostname)
		if err != nil {
			t.Fatalf("look up %s: %v", hostname, err)
		}
		wantSame(t, hostname, found, created)
	}
	for _, hostname := range []string{"", "acme", "acme.example", "x.db.acme.example", "db.acme.example.", "db_acme.example"} {
		_, err := store.LookupHostname(t.Context(), hostname)
		wantError(t, "look up "+hostname, err, catalog.ErrNotFound)
	}
}

func testHostnameUnique(t *testing.T, store catalog.Store) {
	create(t, store, example("acme"))
	other := example("other")
	other.Hostnames = []string{"free.example", "A.acme.example"}
	_, err := store.Create(t.Context(), other)
	wantError(t, "create with a taken hostname", err, catalog.ErrExists)
	_, err = store.Lookup(t.Context(), "other")
	wantError(t, "look up what was not created", err, catalog.ErrNotFound)
	_, err = store.LookupHostname(t.Context(), "free.example")
	wantError(t, "look up the hostname that was free", err, catalog.ErrNotFound)

	other.Hostnames = []string{"mine.example"}
	created := create(t, store, other)
	_, err = store.Update(t.Context(), "other", func(c *catalog.Tenant) error {
		c.Hostnames = []string{"a.acme.example"}
		return nil
	})
	wantError(t, "update to a taken hostname", err, catalog.ErrExists)
	wantFiled(t, store, created)
	if found, err := store.LookupHostname(t.Context(), "mine.example"); err != nil || found.ID != "other" {
		t.Errorf("the hostname was lost in a refused update: %v", err)
	}
}

func testHostnameMoves(t *testing.T, store catalog.Store) {
	create(t, store, example("acme"))
	other := example("other")
	other.Hostnames = nil
	create(t, store, other)

	update(t, store, "acme", func(c *catalog.Tenant) { c.Hostnames = []string{"a.acme.example"} })
	_, err := store.LookupHostname(t.Context(), "b.acme.example")
	wantError(t, "look up a freed hostname", err, catalog.ErrNotFound)
	update(t, store, "other", func(c *catalog.Tenant) { c.Hostnames = []string{"b.acme.example"} })
	found, err := store.LookupHostname(t.Context(), "b.acme.example")
	if err != nil || found.ID != "other" {
		t.Errorf("the moved hostname finds %+v, %v", found, err)
	}
	if err := store.Purge(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	if found, err := store.LookupHostname(t.Context(), "b.acme.example"); err != nil || found.ID != "other" {
		t.Errorf("its former owner took the hostname along: %v", err)
	}
}

func testHostnameOfDeleted(t *testing.T, store catalog.Store) {
	create(t, store, example("acme"))
	transition(t, store, "acme", func(c *catalog.Tenant) { c.State, c.DeletedAt = catalog.Deleting, time.Now() })
	_, err := store.LookupHostname(t.Context(), "a.acme.example")
	wantError(t, "look up a deleted tenant's hostname", err, catalog.ErrNotFound)
	if !lookup(t, store, "acme").Deleted() {
		t.Error("the tenant is not deleted")
	}
	other := example("other")
	other.Hostnames = []string{"a.acme.example"}
	_, err = store.Create(t.Context(), other)
	wantError(t, "create with a deleted tenant's hostname", err, catalog.ErrExists)

	transition(t, store, "acme", func(c *catalog.Tenant) { c.State, c.DeletedAt = catalog.Asleep, time.Time{} })
	if found, err := store.LookupHostname(t.Context(), "a.acme.example"); err != nil || found.ID != "acme" {
		t.Errorf("the hostname of an undeleted tenant: %v", err)
	}
}
