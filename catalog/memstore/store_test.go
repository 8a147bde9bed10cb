package memstore_test

import (
	"errors"
	"testing"

	"postern/catalog"
	"postern/catalog/memstore"
	"postern/catalog/storetest"
)

func TestOperations(t *testing.T) {
	t.Parallel()
	storetest.RunOperations(t, func(t *testing.T) storetest.Operations { return memstore.New() })
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) catalog.Store { return memstore.New() })
}

func TestSharedStore(t *testing.T) {
	t.Parallel()
	storetest.RunShared(t, func(*testing.T) storetest.Shared { return memstore.New() })
}

func TestZeroValue(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) catalog.Store { return new(memstore.Store) })
}

func TestFail(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	store.Fail(catalog.ErrUnavailable)
	if _, err := store.Lookup(t.Context(), "acme"); !errors.Is(err, catalog.ErrUnavailable) {
		t.Errorf("error %v, want %v", err, catalog.ErrUnavailable)
	}
	store.Fail(nil)
	if _, err := store.Lookup(t.Context(), "acme"); !errors.Is(err, catalog.ErrNotFound) {
		t.Errorf("error %v, want %v", err, catalog.ErrNotFound)
	}
}
