package catalog_test

import (
	"context"
	"maps"
	"slices"
	"testing"
	"testing/synctest"

	"postern/catalog"
)

// TestWatchersSlow: a watcher that is busy holds nobody up, and hears of each
// tenant once however often it changed meanwhile.
func TestWatchersSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var watchers catalog.Watchers
		ctx, cancel := context.WithCancel(t.Context())
		busy := make(chan struct{})
		heard := map[catalog.TenantID]int{}
		ended := make(chan error, 1)
		go func() {
			ended <- watchers.Watch(ctx, func(id catalog.TenantID) {
				heard[id]++
				<-busy
			})
		}()
		synctest.Wait()
		for range 1000 {
			watchers.Changed("a")
			watchers.Changed("b")
		}
		close(busy)
		synctest.Wait()
		if want := map[catalog.TenantID]int{"": 1, "a": 1, "b": 1}; !maps.Equal(heard, want) {
			t.Errorf("heard of %v, want %v", heard, want)
		}
		cancel()
		if err := <-ended; err != context.Canceled {
			t.Errorf("Watch returned %v", err)
		}
		watchers.Changed("c") // to nobody
		if slices.Contains(slices.Collect(maps.Keys(heard)), "c") {
			t.Error("told after the end")
		}
	})
}
