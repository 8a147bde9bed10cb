// Package pool makes server connections and lends them: it dials a tenant's
// Postgres, logs in as the client's role with the key that the client's own proof
// has yielded, and keeps what comes back for the next client of the same tenant,
// role, database and startup settings.
//
// Connect makes one server connection, for a client that has it to itself. A
// Group lends them from pools: the oldest waiter first, the connection that was
// in use last first, no more than a pool may have, never one that the server has
// closed meanwhile. The package wakes nothing, relays nothing and resets nothing:
// whoever gives a connection back says whether it is clean.
//
//	group := pool.NewGroup(pool.Config{Size: 20})
//	defer group.Close()
//
//	lease, err := group.Acquire(ctx, key, func(ctx context.Context) (*pool.Server, error) {
//		return pool.Connect(ctx, target, login)
//	})
//	if err != nil { … }
//	clean := relay(lease) // until ReadyForQuery 'I' with nothing outstanding
//	lease.Release(clean)
package pool
