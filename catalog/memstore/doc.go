// Package memstore is a catalog.Store in memory: a full fake that passes the
// same conformance suite as the stores that keep something. It forgets
// everything with the process.
//
//	store := memstore.New()
//	tenant, err := store.Create(ctx, &catalog.Tenant{ID: "acme", State: catalog.Asleep})
package memstore
