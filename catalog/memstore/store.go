package memstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/catalog"
)

// Store is the store; the zero value is an empty one, ready for use. The change
// functions given to Update and Transition must not call it.
type Store struct {
	watchers catalog.Watchers

	mu        sync.Mutex
	records   map[catalog.TenantID]*record // under mu
	hostnames map[string]catalog.TenantID  // under mu; those of deleted tenants too
	proxies   map[uint16]*proxy            // under mu, by number; lapsed ones too
	failure   error                        // under mu

	operations map[string]catalog.Operation // under mu
}

var _ catalog.Store = (*Store)(nil)

// record is one tenant. Its tenant is replaced, never written to.
type record struct {
	tenant    *catalog.Tenant
	greetings []catalog.Greeting // oldest first
}

// New returns an empty store.
func New() *Store { return new(Store) }

// Fail makes every method but Watch answer err from now on, until Fail(nil).
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = err
}

// Lookup implements catalog.Store.
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
		if t := s.records[id].tenant; q.Selects(t) && (!q.Unheld || s.isUnheld(t)) && len(found) < q.Most() {
			found = append(found, t.Clone())
		}
	}
	return found, nil
}

// Create implements catalog.Store.
func (s *Store) Create(ctx context.Context, t *catalog.Tenant) (*catalog.Tenant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	created, err := catalog.Created(t, time.Now())
	if err != nil {
		return nil, fmt.Errorf("create tenant: %w", err)
	}
	if s.records[t.ID] != nil {
		return nil, fmt.Errorf("create tenant %s: %w", t.ID, catalog.ErrExists)
	}
	if err := s.claimHostnames(created, nil); err != nil {
		return nil, fmt.Errorf("create tenant %s: %w", t.ID, err)
	}
	if s.records == nil {
		s.records = map[catalog.TenantID]*record{}
	}
	s.records[t.ID] = &record{tenant: created}
	s.watchers.Changed(t.ID)
	return created.Clone(), nil
}

// Update implements catalog.Store.
func (s *Store) Update(ctx context.Context, id catalog.TenantID, change func(*catalog.Tenant) error) (*catalog.Tenant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(ctx, id)
	if err != nil {
		return nil, err
	}
	updated, err := catalog.Updated(r.tenant, time.Now(), change)
	if err != nil {
		return nil, err
	}
	if updated == r.tenant {
		return updated.Clone(), nil
	}
	if err := s.claimHostnames(updated, r.tenant.Hostnames); err != nil {
		return nil, fmt.Errorf("update tenant %s: %w", id, err)
	}
	r.tenant, r.greetings = updated, nil
	s.watchers.Changed(id)
	return updated.Clone(), nil
}

// Transition implements catalog.Store.
func (s *Store) Transition(ctx context.Context, id catalog.TenantID, change func(*catalog.Tenant) error) (*catalog.Tenant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.transition(r, change)
}

// transition needs mu.
func (s *Store) transition(r *record, change func(*catalog.Tenant) error) (*catalog.Tenant, error) {
	moved, err := catalog.Transitioned(r.tenant, change)
	if err != nil {
		return nil, err
	}
	r.tenant = moved
	s.watchers.Changed(moved.ID)
	return moved.Clone(), nil
}

// Remember implements catalog.Store.
func (s *Store) Remember(ctx context.Context, id catalog.TenantID, version int64, g catalog.Greeting) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(ctx, id)
	if err != nil || r.tenant.Version != version {
		return err
	}
	if greetings, changed := catalog.Remembered(r.greetings, g); changed {
		s.greet(r, greetings)
	}
	return nil
}

// Forget implements catalog.Store.
func (s *Store) Forget(ctx context.Context, id catalog.TenantID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(ctx, id)
	if err != nil {
		return err
	}
	s.greet(r, nil)
	return nil
}

// Purge implements catalog.Store.
func (s *Store) Purge(ctx context.Context, id catalog.TenantID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(ctx, id)
	if err != nil {
		return err
	}
	for _, hostname := range r.tenant.Hostnames {
		delete(s.hostnames, hostname)
	}
	delete(s.records, id)
	for _, p := range s.proxies {
		delete(p.holds, id)
	}
	s.watchers.Changed(id)
	return nil
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
	return s.failure
}

// find needs mu.
func (s *Store) find(ctx context.Context, id catalog.TenantID) (*record, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	r := s.records[id]
	if r == nil {
		return nil, fmt.Errorf("tenant %q: %w", id, catalog.ErrNotFound)
	}
	return r, nil
}

// claimHostnames gives t its host names and frees those in former that it no
// longer has, or changes nothing if one is another tenant's. It needs mu.
func (s *Store) claimHostnames(t *catalog.Tenant, former []string) error {
	for _, hostname := range t.Hostnames {
		if owner, taken := s.hostnames[hostname]; taken && owner != t.ID {
			return fmt.Errorf("hostname %q: %w", hostname, catalog.ErrExists)
		}
	}
	if s.hostnames == nil {
		s.hostnames = map[string]catalog.TenantID{}
	}
	for _, hostname := range former {
		delete(s.hostnames, hostname)
	}
	for _, hostname := range t.Hostnames {
		s.hostnames[hostname] = t.ID
	}
	return nil
}

// greet replaces the greetings of r. It needs mu.
func (s *Store) greet(r *record, greetings []catalog.Greeting) {
	next := r.tenant.Clone()
	next.Greetings = catalog.GreetingsByKey(greetings)
	r.tenant, r.greetings = next, greetings
	s.watchers.Changed(next.ID)
}
