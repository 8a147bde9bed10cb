package memstore

import (
	"context"
	"fmt"
	"time"

	"postern/catalog"
)

// Hold is as pgstore's.
func (s *Store) Hold(ctx context.Context, boot string, id catalog.TenantID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(ctx, id)
	if err != nil {
		return err
	}
	p := s.proxy(boot)
	if p == nil {
		return fmt.Errorf("hold tenant %q: %w", id, catalog.ErrLapsed)
	}
	p.holds[id] = struct{}{}
	t, now := r.tenant, time.Now()
	if t.State == catalog.Suspending && t.Owner != boot && now.Before(t.Deadline) && s.proxy(t.Owner).lives(now) {
		return fmt.Errorf("hold tenant %q: %w", id, catalog.ErrSuspending)
	}
	return nil
}

// Drop is as pgstore's.
func (s *Store) Drop(ctx context.Context, boot string, id catalog.TenantID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return err
	}
	if p := s.proxy(boot); p != nil {
		delete(p.holds, id)
	}
	return nil
}

// Claim is as pgstore's.
func (s *Store) Claim(ctx context.Context, boot string, id catalog.TenantID, change func(*catalog.Tenant) error) (*catalog.Tenant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(ctx, id)
	if err == nil {
		err = s.claimable(boot, id, time.Now())
	}
	if err != nil {
		return nil, err
	}
	return s.transition(r, change)
}

// claimable needs mu.
func (s *Store) claimable(boot string, id catalog.TenantID, now time.Time) error {
	own := s.proxy(boot)
	switch {
	case !own.lives(now):
		return fmt.Errorf("claim tenant %q: %w", id, catalog.ErrLapsed)
	case s.isHeld(id, boot, now):
		return fmt.Errorf("claim tenant %q: %w", id, catalog.ErrHeld)
	case len(s.proxies) > 1 && now.Before(own.since.Add(own.Lease)):
		return fmt.Errorf("claim tenant %q: %w", id, catalog.ErrUnsettled)
	}
	return nil
}

// isHeld reports whether a living proxy but for one holds the tenant. It needs mu.
func (s *Store) isHeld(id catalog.TenantID, but string, now time.Time) bool {
	for _, p := range s.proxies {
		if _, held := p.holds[id]; held && p.Boot != but && p.lives(now) {
			return true
		}
	}
	return false
}

// isUnheld is what Query.Unheld asks for. It needs mu.
func (s *Store) isUnheld(t *catalog.Tenant) bool {
	now := time.Now()
	return !s.isHeld(t.ID, "", now) && !(now.Before(t.Deadline) && s.proxy(t.Owner).lives(now))
}
