package storetest

import (
	"context"
	"testing"
	"time"

	"postern/catalog"
)

// patience is how long a hint may take before the test gives up: far longer
// than it ever does.
const patience = 30 * time.Second

// startWatch runs Watch until the test ends, and returns what it reports. The
// first report, an empty id, is already taken: from then on nothing is missed.
func startWatch(t *testing.T, store catalog.Store) <-chan catalog.TenantID {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	reports := make(chan catalog.TenantID, 1000)
	ended := make(chan error, 1)
	go func() { ended <- store.Watch(ctx, func(id catalog.TenantID) { reports <- id }) }()
	t.Cleanup(func() {
		cancel()
		wantError(t, "Watch", <-ended, context.Canceled)
	})
	wantReport(t, reports, "")
	return reports
}

// wantReport waits for id; others may come before it, as hints do.
func wantReport(t *testing.T, reports <-chan catalog.TenantID, id catalog.TenantID) {
	t.Helper()
	timeout := time.After(patience)
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

func testWatch(t *testing.T, store catalog.Store) {
	create(t, store, example("before"))
	reports := startWatch(t, store)
	others := startWatch(t, store)
	want := func(what string, id catalog.TenantID) {
		t.Helper()
		t.Log(what)
		wantReport(t, reports, id)
		wantReport(t, others, id)
	}
	create(t, store, example("acme"))
	want("create", "acme")
	// Reports may repeat, so each change is awaited on a tenant of its own.
	for _, id := range []catalog.TenantID{"updated", "moved", "greeted", "forgotten", "purged"} {
		create(t, store, example(id))
		want("create", id)
	}
	drain(t, store, reports, others)
	update(t, store, "updated", func(c *catalog.Tenant) { c.Region = "eu-2" })
	want("update", "updated")
	transition(t, store, "moved", func(c *catalog.Tenant) { c.State = catalog.Asleep })
	want("transition", "moved")
	if err := store.Remember(t.Context(), "greeted", 1, catalog.Greeting{Role: "app"}); err != nil {
		t.Fatal(err)
	}
	want("remember", "greeted")
	if err := store.Forget(t.Context(), "forgotten"); err != nil {
		t.Fatal(err)
	}
	want("forget", "forgotten")
	if err := store.Purge(t.Context(), "purged"); err != nil {
		t.Fatal(err)
	}
	want("purge", "purged")
}

// drain makes one more change and takes every report up to it, so that late
// repetitions of earlier ones are not mistaken for what comes next.
func drain(t *testing.T, store catalog.Store, watches ...<-chan catalog.TenantID) {
	t.Helper()
	create(t, store, example("marker"))
	for _, reports := range watches {
		wantReport(t, reports, "marker")
	}
}

func testWatchEnds(t *testing.T, store catalog.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	// Ended from within its own callback: nothing is held that Watch needs.
	err := store.Watch(ctx, func(catalog.TenantID) { cancel() })
	wantError(t, "Watch", err, context.Canceled)
}
