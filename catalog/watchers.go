package catalog

import (
	"context"
	"sync"
)

// Watchers passes changes on to every running Watch: what a Store needs that
// learns of all changes in its own process. The zero value is ready.
type Watchers struct {
	mu       sync.Mutex
	watchers map[*watcher]struct{} // under mu
}

type watcher struct {
	pending map[TenantID]struct{} // under Watchers.mu; a set, so a slow watcher costs no more than the tenants there are
	wake    chan struct{}         // holds one token while pending is not empty
}

// Changed tells every watcher about id and never blocks.
func (w *Watchers) Changed(id TenantID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for watcher := range w.watchers {
		watcher.add(id)
	}
}

// Watch is Store.Watch. Its first call of changed is with the empty id, once
// it is certain to miss nothing.
func (w *Watchers) Watch(ctx context.Context, changed func(TenantID)) error {
	self := &watcher{pending: map[TenantID]struct{}{}, wake: make(chan struct{}, 1)}
	w.mu.Lock()
	if w.watchers == nil {
		w.watchers = map[*watcher]struct{}{}
	}
	w.watchers[self] = struct{}{}
	self.add("")
	w.mu.Unlock()

	defer func() {
		w.mu.Lock()
		delete(w.watchers, self)
		w.mu.Unlock()
	}()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-self.wake:
		}
		w.mu.Lock()
		pending := self.pending
		self.pending = map[TenantID]struct{}{}
		w.mu.Unlock()
		for id := range pending {
			changed(id)
		}
	}
}

// add needs Watchers.mu.
func (w *watcher) add(id TenantID) {
	w.pending[id] = struct{}{}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}
