package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"postern/catalog"
)

func wantListed(t *testing.T, store catalog.Store, q catalog.Query, want ...catalog.TenantID) {
	t.Helper()
	listed, err := store.List(t.Context(), q)
	if err != nil {
		t.Fatalf("list %+v: %v", q, err)
	}
	var got []catalog.TenantID
	for _, tenant := range listed {
		got = append(got, tenant.ID)
		wantSame(t, "listed", tenant, lookup(t, store, tenant.ID))
	}
	if !slices.Equal(got, want) {
		t.Errorf("list %+v: %v, want %v", q, got, want)
	}
}

func testListPages(t *testing.T, store catalog.Store) {
	wantListed(t, store, catalog.Query{})
	for _, id := range []catalog.TenantID{"b", "a-b", "a", "ab", "a1", "1"} {
		create(t, store, &catalog.Tenant{ID: id, Driver: "static", State: catalog.Asleep})
	}
	wantListed(t, store, catalog.Query{}, "1", "a", "a-b", "a1", "ab", "b") // by bytes, as Go sorts
	wantListed(t, store, catalog.Query{Limit: 2}, "1", "a")
	wantListed(t, store, catalog.Query{Limit: 2, After: "a"}, "a-b", "a1")
	wantListed(t, store, catalog.Query{Limit: 2, After: "a1"}, "ab", "b")
	wantListed(t, store, catalog.Query{Limit: 2, After: "b"})
	wantListed(t, store, catalog.Query{After: "aa"}, "ab", "b")

	for i := range 100 {
		create(t, store, &catalog.Tenant{ID: catalog.TenantID(fmt.Sprintf("t%03d", i)), Driver: "static", State: catalog.Asleep})
	}
	listed, err := store.List(t.Context(), catalog.Query{})
	if err != nil || len(listed) != 100 {
		t.Errorf("without a limit: %d tenants, want 100 (%v)", len(listed), err)
	}
}

func testListSelects(t *testing.T, store catalog.Store) {
	make := func(id catalog.TenantID, state catalog.State, labels map[string]string) {
		t.Helper()
		create(t, store, &catalog.Tenant{ID: id, Driver: "static", State: state, Labels: labels})
	}
	make("a", catalog.Asleep, nil)
	make("b", catalog.Awake, map[string]string{"plan": "pro"})
	make("c", catalog.Awake, map[string]string{"plan": "free", "tier": ""})
	make("d", catalog.Awake, map[string]string{"plan": "pro", "tier": "1"})
	transition(t, store, "d", func(c *catalog.Tenant) { c.DeletedAt = time.Now() })

	wantListed(t, store, catalog.Query{}, "a", "b", "c")
	wantListed(t, store, catalog.Query{Deleted: true}, "a", "b", "c", "d")
	wantListed(t, store, catalog.Query{State: catalog.Awake}, "b", "c")
	wantListed(t, store, catalog.Query{State: catalog.Failed})
	wantListed(t, store, catalog.Query{Labels: map[string]string{"plan": "pro"}}, "b")
	wantListed(t, store, catalog.Query{Labels: map[string]string{"plan": "pro"}, Deleted: true}, "b", "d")
	wantListed(t, store, catalog.Query{Labels: map[string]string{"plan": "pro", "tier": "1"}, Deleted: true}, "d")
	wantListed(t, store, catalog.Query{Labels: map[string]string{"tier": ""}}, "c")
	wantListed(t, store, catalog.Query{State: catalog.Awake, Labels: map[string]string{"plan": "free"}, Limit: 1}, "c")
	wantListed(t, store, catalog.Query{State: catalog.Awake, Limit: 1}, "b")
}
