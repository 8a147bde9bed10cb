package catalog_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"postern/catalog"
	"postern/catalog/memstore"
)

// slowStore counts reads and can hold them back.
type slowStore struct {
	*memstore.Store
	mu    sync.Mutex
	reads int           // under mu
	block chan struct{} // under mu; while not nil, reads wait for it to be closed
}

func newSlowStore(t *testing.T, tenants ...*catalog.Tenant) *slowStore {
	t.Helper()
	store := &slowStore{Store: memstore.New()}
	for _, tenant := range tenants {
		if _, err := store.Create(t.Context(), tenant); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

// hold makes reads wait until release is called.
func (s *slowStore) hold() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	block := make(chan struct{})
	s.block = block
	return func() {
		s.mu.Lock()
		s.block = nil
		s.mu.Unlock()
		close(block)
	}
}

func (s *slowStore) wait(ctx context.Context) error {
	s.mu.Lock()
	s.reads++
	block := s.block
	s.mu.Unlock()
	if block == nil {
		return nil
	}
	select {
	case <-block:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *slowStore) Lookup(ctx context.Context, id catalog.TenantID) (*catalog.Tenant, error) {
	t, err := s.Store.Lookup(ctx, id)
	if stopped := s.wait(ctx); stopped != nil {
		return nil, stopped
	}
	return t, err
}

func (s *slowStore) LookupHostname(ctx context.Context, hostname string) (*catalog.Tenant, error) {
	t, err := s.Store.LookupHostname(ctx, hostname)
	if stopped := s.wait(ctx); stopped != nil {
		return nil, stopped
	}
	return t, err
}

func (s *slowStore) wantReads(t *testing.T, what string, want int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reads != want {
		t.Errorf("%s: %d reads of the store, want %d", what, s.reads, want)
	}
}

func (s *slowStore) setRegion(t *testing.T, id catalog.TenantID, region string) {
	t.Helper()
	_, err := s.Update(t.Context(), id, func(c *catalog.Tenant) error { c.Region = region; return nil })
	if err != nil {
		t.Fatal(err)
	}
}

// cacheTest runs in a bubble with a cache over a store that has acme, with the
// host name db.acme.example, in region one.
func cacheTest(t *testing.T, run func(t *testing.T, cache *catalog.Cache, store *slowStore)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSlowStore(t, &catalog.Tenant{ID: "acme", Region: "one", Hostnames: []string{"db.acme.example"}})
		cache := catalog.NewCache(catalog.CacheConfig{Store: store})
		defer cache.Close()
		run(t, cache, store)
	})
}

func wantRegion(t *testing.T, cache *catalog.Cache, id catalog.TenantID, want string) {
	t.Helper()
	tenant, err := cache.Lookup(t.Context(), id)
	if err != nil || tenant.Region != want {
		t.Errorf("look up %s: %+v, %v, want region %s", id, tenant, err, want)
	}
}

func wantLookupError(t *testing.T, cache *catalog.Cache, id catalog.TenantID, want error) {
	t.Helper()
	if tenant, err := cache.Lookup(t.Context(), id); !errors.Is(err, want) {
		t.Errorf("look up %s: %+v, %v, want %v", id, tenant, err, want)
	}
}
