package main

import (
	"errors"
	"slices"
	"testing"

	"postern/catalog"
	"postern/catalog/filestore"
)

// TestSeenStore: nobody runs Watch here, and still the cache knows.
func TestSeenStore(t *testing.T) {
	t.Parallel()
	files, err := filestore.Open(filestore.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	cache := catalog.NewCache(catalog.CacheConfig{Store: files})
	defer cache.Close()
	var updated []int64
	store := seenStore{files, cache.Invalidate, func(t *catalog.Tenant) { updated = append(updated, t.Version) }}

	ctx := t.Context()
	see := func(what, region string, state catalog.State) {
		t.Helper()
		if seen, err := cache.Lookup(ctx, "acme"); err != nil || seen.Region != region || seen.State != state {
			t.Errorf("after %s the cache has %+v, %v", what, seen, err)
		}
	}
	if _, err := cache.Lookup(ctx, "acme"); !errors.Is(err, catalog.ErrNotFound) {
		t.Fatal(err)
	}
	if _, err := store.Create(ctx, &catalog.Tenant{ID: "acme", Driver: "static", Region: "one", State: catalog.Asleep}); err != nil {
		t.Fatal(err)
	}
	see("Create", "one", catalog.Asleep)
	if _, err := store.Update(ctx, "acme", func(t *catalog.Tenant) error { t.Region = "two"; return nil }); err != nil {
		t.Fatal(err)
	}
	see("Update", "two", catalog.Asleep)
	if !slices.Equal(updated, []int64{2}) {
		t.Errorf("told of the versions %v", updated)
	}
	if _, err := store.Transition(ctx, "acme", func(t *catalog.Tenant) error { t.State = catalog.Paused; return nil }); err != nil {
		t.Fatal(err)
	}
	see("Transition", "two", catalog.Paused)
	if err := store.Purge(ctx, "acme"); err != nil {
		t.Fatal(err)
	}
	if seen, err := cache.Lookup(ctx, "acme"); !errors.Is(err, catalog.ErrNotFound) {
		t.Errorf("after Purge the cache has %+v, %v", seen, err)
	}
}
