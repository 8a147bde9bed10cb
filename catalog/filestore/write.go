package filestore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"postern/catalog"
)

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
	if s.reread(t.ID, false); s.files[t.ID] != nil {
		return nil, fmt.Errorf("create tenant %s: %w", t.ID, catalog.ErrExists)
	}
	if err := s.create(created); err != nil {
		return nil, fmt.Errorf("create tenant %s: %w", t.ID, err)
	}
	return created.Clone(), nil
}

// create writes the state first: a file without it would be a tenant that was
// written by hand. It needs mu.
func (s *Store) create(t *catalog.Tenant) error {
	r := &record{tenant: t, file: configurationOf(t, nil)}
	if err := s.hostnamesFree(t); err != nil {
		return err
	}
	if _, err := r.file.encode(t.ID); err != nil {
		return err
	}
	if err := s.saveState(r); err != nil {
		return err
	}
	if err := s.saveConfiguration(t.ID, r.file); err != nil {
		_ = removeFile(s.statePath(t.ID)) // without its file it does no harm
		return err
	}
	s.keep(nil, r)
	s.reread(t.ID, false)
	return nil
}

// Update implements catalog.Store. It refuses a tenant whose file has an error,
// so as not to overwrite what somebody is about to correct. change must not
// call the store.
func (s *Store) Update(ctx context.Context, id catalog.TenantID, change func(*catalog.Tenant) error) (*catalog.Tenant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(ctx, id)
	if err != nil {
		return nil, err
	}
	if bad := s.files[id].err; bad != nil {
		return nil, fmt.Errorf("update tenant %s: correct its file first: %s: %w", id, s.path(id), bad)
	}
	updated, err := catalog.Updated(r.tenant, time.Now(), change)
	if err != nil {
		return nil, err
	}
	if updated != r.tenant {
		if err := s.update(r, updated); err != nil {
			return nil, fmt.Errorf("update tenant %s: %w", id, err)
		}
	}
	return updated.Clone(), nil
}

// update writes the file before the state: should only the first succeed, the
// change is read from there. It needs mu.
func (s *Store) update(former *record, t *catalog.Tenant) error {
	if err := s.hostnamesFree(t); err != nil {
		return err
	}
	next := &record{tenant: t, file: former.file}
	// Roles stand in the file only as somebody has written them there.
	kept := slices.Clone(former.file.Roles)
	kept = slices.DeleteFunc(kept, func(r role) bool { _, there := t.Roles[r.Name]; return !there })
	if c := configurationOf(t, kept); !sayTheSame(former.tenant, t) || len(kept) != len(former.file.Roles) {
		if err := s.saveConfiguration(t.ID, c); err != nil {
			return err
		}
		next.file = c
	}
	if err := s.put(former, next); err != nil {
		return err
	}
	s.reread(t.ID, false)
	return nil
}

// sayTheSame reports whether two records differ at most in their roles.
func sayTheSame(a, b *catalog.Tenant) bool {
	withoutRoles := *a
	withoutRoles.Roles = b.Roles
	return catalog.SameConfiguration(&withoutRoles, b)
}

// Transition implements catalog.Store. change must not call the store.
func (s *Store) Transition(ctx context.Context, id catalog.TenantID, change func(*catalog.Tenant) error) (*catalog.Tenant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(ctx, id)
	if err != nil {
		return nil, err
	}
	moved, err := catalog.Transitioned(r.tenant, change)
	if err != nil {
		return nil, err
	}
	if err := s.put(r, &record{tenant: moved, greetings: r.greetings, file: r.file}); err != nil {
		return nil, fmt.Errorf("change state of tenant %s: %w", id, err)
	}
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
	greetings, changed := catalog.Remembered(r.greetings, g)
	if !changed {
		return nil
	}
	return s.greet(r, greetings)
}

// Forget implements catalog.Store.
func (s *Store) Forget(ctx context.Context, id catalog.TenantID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(ctx, id)
	if err != nil {
		return err
	}
	return s.greet(r, nil)
}

// greet replaces the greetings of r. It needs mu.
func (s *Store) greet(r *record, greetings []catalog.Greeting) error {
	next := r.tenant.Clone()
	next.Greetings = catalog.GreetingsByKey(greetings)
	if err := s.put(r, &record{tenant: next, greetings: greetings, file: r.file}); err != nil {
		return fmt.Errorf("write greetings of tenant %s: %w", next.ID, err)
	}
	return nil
}

// Purge implements catalog.Store.
func (s *Store) Purge(ctx context.Context, id catalog.TenantID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.find(ctx, id); err != nil {
		return err
	}
	// The file first: without its state it would be a new tenant.
	if err := removeFile(s.path(id)); err != nil {
		return fmt.Errorf("purge tenant %s: %w", id, err)
	}
	s.drop(id)
	if err := removeFile(s.statePath(id)); err != nil {
		return fmt.Errorf("purge tenant %s: %w", id, err)
	}
	return nil
}
