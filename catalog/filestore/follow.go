package filestore

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// events asks the system to tell of changes in the directory; nil if it cannot.
func (s *Store) events() *fsnotify.Watcher {
	watcher, err := fsnotify.NewWatcher()
	if err == nil {
		if err = watcher.Add(s.dir); err == nil {
			return watcher
		}
		watcher.Close()
	}
	s.log.Warn("changes of tenants' files are seen only by polling", "dir", s.dir, "err", err)
	return nil
}

// follow rereads files as they change until ctx is done, and closes watcher.
func (s *Store) follow(ctx context.Context, watcher *fsnotify.Watcher, interval time.Duration) {
	poll := time.NewTicker(interval)
	defer poll.Stop()
	var events chan fsnotify.Event // nil, and so silent, without a watcher
	var lost chan error
	if watcher != nil {
		defer watcher.Close()
		events, lost = watcher.Events, watcher.Errors
	}
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-events:
			if id, ok := tenantOf(filepath.Base(event.Name)); ok {
				s.mu.Lock()
				s.reread(id, true)
				s.mu.Unlock()
			}
		case <-lost: // some events were
			s.rescan()
		case <-poll.C:
			s.rescan()
		}
	}
}

func (s *Store) rescan() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scan()
}

// restoreAll brings back what was filed of every tenant that has a file, before
// any file is read: who had a host name keeps it while files dispute it. It
// needs mu.
func (s *Store) restoreAll() {
	entries, _ := os.ReadDir(s.dir) // scan reports the error
	for _, entry := range entries {
		if id, ok := tenantOf(entry.Name()); ok {
			_ = s.restore(id) // reading the file tries again, and reports
		}
	}
}
