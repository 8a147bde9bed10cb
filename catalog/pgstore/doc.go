// Package pgstore is the catalog.Store that a fleet shares: a Postgres database
// that somebody keeps safe and available.
//
// Everything it has lives in the schema postern, which Open makes and brings up
// to date, so the database may hold other things as well. Each change is one
// transaction and announces itself by NOTIFY on the channel postern_tenants,
// its payload the tenant's id. LISTEN and the lock of Open need sessions of
// their own: do not reach the database through a pooler in transaction mode.
//
// It does not cache (catalog.Cache does) and does not retry while the database
// is away: callers get catalog.ErrUnavailable.
//
//	store, err := pgstore.Open(ctx, pgstore.Config{URL: "postgres://postern@db/postern"})
//	defer store.Close()
package pgstore
