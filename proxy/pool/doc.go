// Package pool makes server connections and lends them: it dials a tenant's
// Postgres, logs in as the client's role with the key that the client's own proof
// has yielded, and keeps what comes back for the next client of the same tenant,
// role, database and startup settings.
//
// Connect makes one server connection, for a client that has it to itself. A
// Group lends them from pools: the oldest waiter first, the connection that was
// in use last first, no more than a pool, a tenant and all together may have,
// each tenant its share of them, never one that the server has closed meanwhile.
// Ask and Recover talk to the server between one client and the next.
//
// The package wakes nothing and relays nothing, and resets nothing by itself:
// whoever gives a connection back says whether it is clean.
//
//	group := pool.NewGroup(pool.Config{Size: 20})
//	defer group.Close()
//
//	lease, err := group.Acquire(ctx, key, func(ctx context.Context) (*pool.Server, error) {
//		return pool.Connect(ctx, target, login)
//	})
//	if err != nil { … }
//	status, changed := relay(lease) // until ReadyForQuery with nothing outstanding
//	err = lease.Recover(ctx, status, changed)
//	lease.Release(err == nil)
//
// An event loop has nobody who could wait:
//
//	lease, ok := group.TryAcquireAlike(key, client.settings)
//	if !ok {
//		group.Enqueue(&client.request, key, client.connect, client.lent)
//		return // until lent is called, or client.request.Cancel
//	}
package pool
