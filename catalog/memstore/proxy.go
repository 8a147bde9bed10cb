package memstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"postern/catalog"
)

// proxy is a row; it is under Store.mu.
type proxy struct {
	catalog.Proxy
	since, expires time.Time
	holds          map[catalog.TenantID]struct{}
}

func (p *proxy) lives(now time.Time) bool { return p != nil && now.Before(p.expires) }

// Join is as pgstore's.
func (s *Store) Join(ctx context.Context, p catalog.Proxy) (catalog.Proxy, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return catalog.Proxy{}, err
	}
	now := time.Now()
	number, free := s.freeNumber(p.ID, now)
	if !free {
		return catalog.Proxy{}, fmt.Errorf("join the catalog's proxies: %w", catalog.ErrNoNumber)
	}
	p.Number = number
	if s.proxies == nil {
		s.proxies = map[uint16]*proxy{}
	}
	s.proxies[number] = &proxy{Proxy: p, since: now, expires: now.Add(p.Lease), holds: map[catalog.TenantID]struct{}{}}
	return p, nil
}

// freeNumber returns a number for the proxy id, and removes whose it was. It needs
// mu.
func (s *Store) freeNumber(id string, now time.Time) (number uint16, free bool) {
	for _, keep := range []time.Duration{catalog.KeepLapsed, 0} {
		for number, p := range s.proxies {
			if p.ID == id {
				return number, true
			}
			if !now.Before(p.expires.Add(keep)) {
				delete(s.proxies, number)
			}
		}
		for number := range uint16(catalog.MaxProxies) {
			if s.proxies[number] == nil {
				return number, true
			}
		}
	}
	return 0, false
}

// Renew is as pgstore's.
func (s *Store) Renew(ctx context.Context, boot string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return err
	}
	p := s.proxy(boot)
	if p == nil {
		return fmt.Errorf("renew this proxy's lease: %w", catalog.ErrLapsed)
	}
	now := time.Now()
	if !p.lives(now) {
		p.since = now
	}
	p.expires = now.Add(p.Lease)
	return nil
}

// Leave is as pgstore's.
func (s *Store) Leave(ctx context.Context, boot string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return err
	}
	maps.DeleteFunc(s.proxies, func(_ uint16, p *proxy) bool { return p.Boot == boot })
	return nil
}

// Proxies is as pgstore's.
func (s *Store) Proxies(ctx context.Context) ([]catalog.Proxy, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	now := time.Now()
	var proxies []catalog.Proxy
	for _, number := range slices.Sorted(maps.Keys(s.proxies)) {
		if p := s.proxies[number]; p.lives(now) {
			proxies = append(proxies, p.Proxy)
		}
	}
	return proxies, nil
}

// proxy returns the row of boot, nil if there is none. It needs mu.
func (s *Store) proxy(boot string) *proxy {
	for _, p := range s.proxies {
		if p.Boot == boot {
			return p
		}
	}
	return nil
}
