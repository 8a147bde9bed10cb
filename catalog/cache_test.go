package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/catalog"
)

func TestCacheHolds(t *testing.T) {
	cacheTest(t, func(t *testing.T, cache *catalog.Cache, store *slowStore) {
		if _, ok := cache.Try("acme"); ok {
			t.Error("Try has found what nobody has looked up")
		}
		wantRegion(t, cache, "acme", "one")
		time.Sleep(5*time.Second - time.Nanosecond)
		wantRegion(t, cache, "acme", "one")
		store.wantReads(t, "within MaxAge", 1)
		time.Sleep(time.Nanosecond)
		store.setRegion(t, "acme", "two")
		wantRegion(t, cache, "acme", "two")
		store.wantReads(t, "after MaxAge", 2)
		if tenant, ok := cache.Try("acme"); !ok || tenant.Region != "two" {
			t.Errorf("Try: %+v, %v", tenant, ok)
		}
		store.wantReads(t, "Try", 2)
	})
}

func TestCacheSingleFlight(t *testing.T) {
	cacheTest(t, func(t *testing.T, cache *catalog.Cache, store *slowStore) {
		release := store.hold()
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() { wantRegion(t, cache, "acme", "one") })
			group.Go(func() { wantLookupError(t, cache, "unknown", catalog.ErrNotFound) })
		}
		synctest.Wait()
		release()
		group.Wait()
		store.wantReads(t, "100 lookups of two names", 2)
	})
}

func TestCacheCallerLeaves(t *testing.T) {
	cacheTest(t, func(t *testing.T, cache *catalog.Cache, store *slowStore) {
		release := store.hold()
		ctx, hangUp := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := cache.Lookup(ctx, "acme"); err != context.Canceled {
				t.Errorf("the first caller got %v", err)
			}
		})
		synctest.Wait()
		group.Go(func() { wantRegion(t, cache, "acme", "one") })
		synctest.Wait()
		hangUp()
		synctest.Wait()
		release()
		group.Wait()
		store.wantReads(t, "in all", 1)
	})
}

func TestCacheUnknown(t *testing.T) {
	cacheTest(t, func(t *testing.T, cache *catalog.Cache, store *slowStore) {
		wantLookupError(t, cache, "new", catalog.ErrNotFound)
		if _, err := store.Create(t.Context(), &catalog.Tenant{ID: "new", Region: "one"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second - time.Nanosecond)
		cache.ReportFailure("new") // a stranger's failure costs no read
		wantLookupError(t, cache, "new", catalog.ErrNotFound)
		store.wantReads(t, "within NegativeTTL", 1)
		time.Sleep(time.Nanosecond)
		wantRegion(t, cache, "new", "one")

		// A purged tenant is unknown too.
		if err := store.Purge(t.Context(), "new"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		wantLookupError(t, cache, "new", catalog.ErrNotFound)
		if _, ok := cache.Try("new"); ok {
			t.Error("Try has found a purged tenant")
		}
		wantLookupError(t, cache, "new", catalog.ErrNotFound)
		store.wantReads(t, "in all", 3)
	})
}

func TestCacheUnknownIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSlowStore(t)
		cache := catalog.NewCache(catalog.CacheConfig{Store: store, MaxUnknown: 10})
		defer cache.Close()
		stranger := func(i int) catalog.TenantID { return catalog.TenantID(fmt.Sprintf("stranger%d", i)) }
		for i := range 100 {
			wantLookupError(t, cache, stranger(i), catalog.ErrNotFound)
		}
		for i := 90; i < 100; i++ {
			wantLookupError(t, cache, stranger(i), catalog.ErrNotFound)
		}
		store.wantReads(t, "the last ten again", 100)
		wantLookupError(t, cache, stranger(89), catalog.ErrNotFound)
		store.wantReads(t, "the one before", 101)
	})
}

func TestCacheStoreUnavailable(t *testing.T) {
	cacheTest(t, func(t *testing.T, cache *catalog.Cache, store *slowStore) {
		wantRegion(t, cache, "acme", "one")
		store.Fail(catalog.ErrUnavailable)
		for range 100 {
			time.Sleep(time.Minute)
			wantRegion(t, cache, "acme", "one")
		}
		cache.Invalidate("")
		wantRegion(t, cache, "acme", "one")
		store.wantReads(t, "while down", 102)
		wantRegion(t, cache, "acme", "one")
		store.wantReads(t, "at once again", 102)
		wantLookupError(t, cache, "other", catalog.ErrUnavailable)

		store.Fail(nil)
		store.setRegion(t, "acme", "two")
		time.Sleep(time.Second)
		wantRegion(t, cache, "acme", "two")
		wantLookupError(t, cache, "other", catalog.ErrNotFound)
	})
}

func TestCacheStoreHangs(t *testing.T) {
	cacheTest(t, func(t *testing.T, cache *catalog.Cache, store *slowStore) {
		wantRegion(t, cache, "acme", "one")
		time.Sleep(5 * time.Second)
		release := store.hold()
		defer release()
		took := func(lookup func()) time.Duration {
			start := time.Now()
			lookup()
			return time.Since(start)
		}
		old := func() { wantRegion(t, cache, "acme", "one") }
		if d := took(old); d != time.Second {
			t.Errorf("the first lookup took %v, want Patience", d)
		}
		if d := took(old); d != 0 {
			t.Errorf("the second lookup took %v, want none", d)
		}
		unknown := func() { wantLookupError(t, cache, "other", catalog.ErrUnavailable) }
		if d := took(unknown); d != 10*time.Second {
			t.Errorf("a lookup of what is not held took %v, want LoadTimeout", d)
		}
	})
}

func TestCacheReportFailure(t *testing.T) {
	cacheTest(t, func(t *testing.T, cache *catalog.Cache, store *slowStore) {
		wantRegion(t, cache, "acme", "one")
		store.setRegion(t, "acme", "two")
		cache.ReportFailure("acme")
		wantRegion(t, cache, "acme", "one")
		store.wantReads(t, "a failure with a new record", 1)
		time.Sleep(time.Second)
		wantRegion(t, cache, "acme", "two")
		time.Sleep(time.Second)
		wantRegion(t, cache, "acme", "two")
		store.wantReads(t, "after one failure", 2)
	})
}

func TestCacheInvalidate(t *testing.T) {
	cacheTest(t, func(t *testing.T, cache *catalog.Cache, store *slowStore) {
		wantRegion(t, cache, "acme", "one")
		wantLookupError(t, cache, "new", catalog.ErrNotFound)
		store.setRegion(t, "acme", "two")
		if _, err := store.Create(t.Context(), &catalog.Tenant{ID: "new", Region: "one"}); err != nil {
			t.Fatal(err)
		}
		cache.Invalidate("other")
		wantRegion(t, cache, "acme", "one")
		wantLookupError(t, cache, "new", catalog.ErrNotFound)
		store.wantReads(t, "another's change", 2)
		cache.Invalidate("acme")
		wantRegion(t, cache, "acme", "two")
		cache.Invalidate("new")
		wantRegion(t, cache, "new", "one")
		wantLookupError(t, cache, "newer", catalog.ErrNotFound)
		if _, err := store.Create(t.Context(), &catalog.Tenant{ID: "newer", Region: "one"}); err != nil {
			t.Fatal(err)
		}
		store.setRegion(t, "acme", "three")
		cache.Invalidate("")
		wantRegion(t, cache, "acme", "three")
		wantRegion(t, cache, "newer", "one")
	})
}

// TestCacheInvalidateDuringRead: what a read saw before the change is handed to
// who asked before it, and kept for nobody.
func TestCacheInvalidateDuringRead(t *testing.T) {
	for _, hostname := range []bool{false, true} {
		t.Run(fmt.Sprintf("hostname=%v", hostname), func(t *testing.T) {
			cacheTest(t, func(t *testing.T, cache *catalog.Cache, store *slowStore) {
				want := func(region string) {
					var tenant *catalog.Tenant
					var err error
					if hostname {
						tenant, err = cache.LookupHostname(t.Context(), "db.acme.example")
					} else {
						tenant, err = cache.Lookup(t.Context(), "acme")
					}
					if err != nil || tenant.Region != region {
						t.Errorf("%+v, %v, want region %s", tenant, err, region)
					}
				}
				var group sync.WaitGroup
				releaseFirst := store.hold()
				group.Go(func() { want("one") })
				synctest.Wait()
				store.setRegion(t, "acme", "two")
				cache.Invalidate("acme")
				releaseSecond := store.hold()
				group.Go(func() { want("two") })
				synctest.Wait()
				releaseSecond()
				synctest.Wait()
				releaseFirst()
				group.Wait()
				want("two")
				store.wantReads(t, "in all", 2)
			})
		})
	}
}

func TestCacheHostname(t *testing.T) {
	cacheTest(t, func(t *testing.T, cache *catalog.Cache, store *slowStore) {
		wantHostname := func(hostname string, want catalog.TenantID) {
			t.Helper()
			tenant, err := cache.LookupHostname(t.Context(), hostname)
			switch {
			case want == "" && !errors.Is(err, catalog.ErrNotFound):
				t.Errorf("look up %s: %+v, %v, want ErrNotFound", hostname, tenant, err)
			case want != "" && (err != nil || tenant.ID != want):
				t.Errorf("look up %s: %+v, %v, want %s", hostname, tenant, err, want)
			}
		}
		wantHostname("db.acme.example", "acme")
		wantHostname("DB.Acme.example", "acme")
		wantRegion(t, cache, "acme", "one")
		store.wantReads(t, "one record under all names", 1)
		wantHostname("unknown.example", "")
		wantHostname("unknown.example", "")
		store.wantReads(t, "an unknown name", 2)
		wantHostname("", "")
		wantHostname(string(make([]byte, 300)), "")
		store.wantReads(t, "no possible name", 2)

		// The name moves to another tenant.
		if _, err := store.Create(t.Context(), &catalog.Tenant{ID: "other"}); err != nil {
			t.Fatal(err)
		}
		setHostnames := func(id catalog.TenantID, hostnames ...string) {
			t.Helper()
			change := func(c *catalog.Tenant) error { c.Hostnames = hostnames; return nil }
			if _, err := store.Update(t.Context(), id, change); err != nil {
				t.Fatal(err)
			}
		}
		setHostnames("acme")
		setHostnames("other", "db.acme.example")
		wantHostname("db.acme.example", "acme")
		cache.Invalidate("acme")
		wantHostname("db.acme.example", "other")

		// Its owner is deleted: the id is still found, the name is not.
		deleted := func(c *catalog.Tenant) error { c.DeletedAt = time.Now(); return nil }
		if _, err := store.Transition(t.Context(), "other", deleted); err != nil {
			t.Fatal(err)
		}
		cache.Invalidate("other")
		wantHostname("db.acme.example", "")
		if tenant, err := cache.Lookup(t.Context(), "other"); err != nil || !tenant.Deleted() {
			t.Errorf("look up a deleted tenant: %+v, %v", tenant, err)
		}
	})
}

func TestCacheRun(t *testing.T) {
	cacheTest(t, func(t *testing.T, cache *catalog.Cache, store *slowStore) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- cache.Run(ctx) }()
		synctest.Wait()
		wantRegion(t, cache, "acme", "one")
		store.setRegion(t, "acme", "two")
		synctest.Wait()
		wantRegion(t, cache, "acme", "two")
		store.wantReads(t, "followed", 2)
		cancel()
		if err := <-ended; err != context.Canceled {
			t.Errorf("Run returned %v", err)
		}
	})
}

func TestCacheClose(t *testing.T) {
	cacheTest(t, func(t *testing.T, cache *catalog.Cache, store *slowStore) {
		wantRegion(t, cache, "acme", "one")
		release := store.hold()
		defer release()
		var group sync.WaitGroup
		group.Go(func() { wantLookupError(t, cache, "other", catalog.ErrUnavailable) })
		synctest.Wait()
		cache.Close()
		group.Wait()
		wantLookupError(t, cache, "third", catalog.ErrUnavailable)
		time.Sleep(time.Hour)
		wantRegion(t, cache, "acme", "one")
		store.wantReads(t, "in all", 2)
	})
}

// TestCacheConcurrently is for the race detector: nothing is lost or torn.
func TestCacheConcurrently(t *testing.T) {
	t.Parallel()
	store := newSlowStore(t, &catalog.Tenant{ID: "acme", Hostnames: []string{"db.acme.example"}})
	cache := catalog.NewCache(catalog.CacheConfig{Store: store, MaxAge: time.Nanosecond, MaxUnknown: 3})
	defer cache.Close()
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 200 {
				if _, err := cache.Lookup(t.Context(), "acme"); err != nil {
					t.Errorf("look up acme: %v", err)
				}
				if _, err := cache.LookupHostname(t.Context(), "db.acme.example"); err != nil {
					t.Errorf("look up its hostname: %v", err)
				}
				stranger := catalog.TenantID(fmt.Sprintf("stranger%d", i))
				wantLookupError(t, cache, stranger, catalog.ErrNotFound)
				cache.Try(stranger)
				cache.ReportFailure("acme")
				cache.Invalidate("acme")
				cache.Invalidate("")
			}
		})
	}
	group.Wait()
}
