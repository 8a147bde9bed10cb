// Package transfer copies what a tenant's databases hold from one instance to
// another, with pg_dump and pg_restore: it is the wake.Mover behind `postern tenant
// move`. Roles with their passwords are not its business, the drivers make them of
// the tenant's record; settings and memberships of the roles are.
//
// The two instances may call the tenant's roles differently. A dump speaks of them
// as the source does, so the target's are called that until it is restored. The
// source is only read.
//
//	mover := transfer.New(transfer.Config{Installations: found})
//	err := gate.Move(ctx, tenant, "database", mover)
package transfer
