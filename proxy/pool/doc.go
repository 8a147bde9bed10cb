// Package pool makes server connections: it dials a tenant's Postgres and logs
// in as the client's role with the key that the client's own proof has yielded.
//
// In session mode each client has a server connection to itself, so nothing is
// pooled yet; the pool of one tenant, role and database comes with transaction
// mode. The package wakes nothing and relays nothing.
//
//	server, err := pool.Connect(ctx, target, login)
//	if err != nil { … }
//	defer server.Close()
package pool
