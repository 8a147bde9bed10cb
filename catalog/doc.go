// Package catalog is the record of which tenants exist: the types every other
// package speaks in, the Store that is the source of truth, and the Cache that
// the data path reads instead.
//
// It stands at the bottom and imports nothing of ours. It does not know how a
// tenant's Postgres is started (package wake) nor how a client names its
// tenant (package router). The stores are packages of their own: memstore (in
// memory, a full fake), pgstore (Postgres, the one a fleet uses) and filestore
// (a directory of TOML files for a single proxy).
//
//	id, err := catalog.ParseTenantID("Acme") // "acme"
//	cache := catalog.NewCache(catalog.CacheConfig{Store: store})
//	tenant, err := cache.Lookup(ctx, id)
//	if errors.Is(err, catalog.ErrNotFound) { … }
package catalog
