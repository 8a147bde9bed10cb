package main

import (
	"context"

	"postern/catalog"
)

// seenStore is a store whose writes this process's own cache sees at once: who
// has been told that a role is made or a tenant paused can rely on it in the
// next login, while the store's own hint (Watch) is still on its way.
type seenStore struct {
	store
	changed func(catalog.TenantID)
	// updated is told what Update has filed.
	updated func(*catalog.Tenant)
}

func (s seenStore) Create(ctx context.Context, t *catalog.Tenant) (*catalog.Tenant, error) {
	created, err := s.store.Create(ctx, t)
	s.changed(t.ID)
	return created, err
}

func (s seenStore) Update(ctx context.Context, id catalog.TenantID, change func(*catalog.Tenant) error) (*catalog.Tenant, error) {
	updated, err := s.store.Update(ctx, id, change)
	s.changed(id)
	if err == nil {
		s.updated(updated)
	}
	return updated, err
}

func (s seenStore) Transition(ctx context.Context, id catalog.TenantID, change func(*catalog.Tenant) error) (*catalog.Tenant, error) {
	moved, err := s.store.Transition(ctx, id, change)
	s.changed(id)
	return moved, err
}

func (s seenStore) Purge(ctx context.Context, id catalog.TenantID) error {
	err := s.store.Purge(ctx, id)
	s.changed(id)
	return err
}
