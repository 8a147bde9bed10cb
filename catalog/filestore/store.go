package filestore

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/catalog"
)

// Config is what a Store is made of.
type Config struct {
	// Dir is the directory with the tenants' files (catalog.dir). It must exist.
	Dir string
	// PollInterval is how often the directory is looked through for changes of
	// which the system has not told (catalog.poll_interval); 0 means 5 seconds.
	PollInterval time.Duration
	// Log hears of bad files; nil means slog.Default().
	Log *slog.Logger
}

// Store is the store. Make one with Open, and Close it.
type Store struct {
	dir      string
	log      *slog.Logger
	lock     *os.File
	watchers catalog.Watchers

	stop      context.CancelFunc
	following sync.WaitGroup

	mu        sync.Mutex                   // held while files are read and written, and while change runs
	closed    bool                         // under mu
	files     map[catalog.TenantID]*file   // under mu
	records   map[catalog.TenantID]*record // under mu
	hostnames map[string]catalog.TenantID  // under mu; those of deleted tenants too
}

var _ catalog.Store = (*Store)(nil)

// Open reads the directory and follows it until Close. It fails if another
// process has it open. Bad files do not make it fail; see Errors.
func Open(config Config) (*Store, error) {
	log := config.Log
	if log == nil {
		log = slog.Default()
	}
	dir, err := filepath.Abs(config.Dir)
	if err != nil {
		return nil, fmt.Errorf("open tenants' directory: %w", err)
	}
	if err := os.Mkdir(filepath.Join(dir, stateDir), 0o700); err != nil && !os.IsExist(err) {
		return nil, fmt.Errorf("open tenants' directory: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open tenants' directory: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Store{
		dir: dir, log: log, lock: lock, stop: stop,
		files:     map[catalog.TenantID]*file{},
		records:   map[catalog.TenantID]*record{},
		hostnames: map[string]catalog.TenantID{},
	}
	events := s.events() // before the first look, so that no change falls between
	s.mu.Lock()
	s.restoreAll()
	s.scan()
	s.mu.Unlock()
	s.following.Go(func() { s.follow(ctx, events, cmp.Or(config.PollInterval, 5*time.Second)) })
	return s, nil
}

// Close stops following the directory and lets another process open it. Every
// method but Watch, which ends with its context, fails from then on.
func (s *Store) Close() error {
	s.stop()
	s.following.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return s.lock.Close()
}

// Errors returns why files are not in force, by the name of the file without
// .toml. Their tenants are as they were when the file was last good, if it ever
// was.
func (s *Store) Errors() map[catalog.TenantID]error {
	s.mu.Lock()
	defer s.mu.Unlock()
	bad := map[catalog.TenantID]error{}
	for id, f := range s.files {
		if f.err != nil {
			bad[id] = fmt.Errorf("%s: %w", s.path(id), f.err)
		}
	}
	return bad
}

// Lookup implements catalog.Store. It sees a change of the tenant's file at
// once; LookupHostname and List may do so a moment later.
func (s *Store) Lookup(ctx context.Context, id catalog.TenantID) (*catalog.Tenant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(ctx, id)
	if err != nil {
		return nil, err
	}
	return r.tenant.Clone(), nil
}

// LookupHostname implements catalog.Store.
func (s *Store) LookupHostname(ctx context.Context, hostname string) (*catalog.Tenant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	id, taken := s.hostnames[strings.ToLower(hostname)]
	if !taken || s.records[id].tenant.Deleted() {
		return nil, fmt.Errorf("hostname %q: %w", hostname, catalog.ErrNotFound)
	}
	return s.records[id].tenant.Clone(), nil
}

// List implements catalog.Store.
func (s *Store) List(ctx context.Context, q catalog.Query) ([]*catalog.Tenant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	var found []*catalog.Tenant
	for _, id := range slices.Sorted(maps.Keys(s.records)) {
		if t := s.records[id].tenant; q.Selects(t) && len(found) < q.Most() {
			found = append(found, t.Clone())
		}
	}
	return found, nil
}

// Watch implements catalog.Store.
func (s *Store) Watch(ctx context.Context, changed func(catalog.TenantID)) error {
	return s.watchers.Watch(ctx, changed)
}

// ready needs mu.
func (s *Store) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.closed {
		return fmt.Errorf("%w: the tenants' directory is closed", catalog.ErrUnavailable)
	}
	return nil
}

// find returns the record, up to date with its file. It needs mu.
func (s *Store) find(ctx context.Context, id catalog.TenantID) (*record, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	if valid, err := catalog.ParseTenantID(string(id)); err == nil && valid == id {
		s.reread(id, false)
		if r := s.records[id]; r != nil {
			return r, nil
		}
	}
	return nil, fmt.Errorf("tenant %q: %w", id, catalog.ErrNotFound)
}
