package api

import (
	"context"

	"postern/catalog"
	"postern/wake"
)

// Instances are the Postgres instances behind the tenants; *wake.Gate is one.
type Instances interface {
	Runner
	Keeper
	Inspector
}

// Runner starts and stops instances and files the states they pass through.
type Runner interface {
	// Ready returns when t's instance has answered a query, starting it if it
	// sleeps and making it first if its record says Provisioning. Whoever gives
	// up leaves the start going on.
	Ready(ctx context.Context, t *catalog.Tenant) (wake.Endpoint, error)
	// Suspend stops t's instance when its work is done, or at once if force. A
	// *wake.BusyError means that it still had work when ctx ended. A tenant that
	// is paused or failed stays so.
	Suspend(ctx context.Context, t *catalog.Tenant, force bool) error
}

// Keeper removes instances and brings them back.
type Keeper interface {
	// Destroy stops t's instance at once and removes it. Its data is kept for
	// Restore unless purge. It may be called again.
	Destroy(ctx context.Context, t *catalog.Tenant, purge bool) error
	// Restore brings back what Destroy kept, or answers wake.ErrNotProvisioned.
	Restore(ctx context.Context, t *catalog.Tenant) error
}

// Inspector looks at instances and never wakes one.
type Inspector interface {
	// Status says what is there now.
	Status(ctx context.Context, t *catalog.Tenant) (wake.Status, error)
}

// Mover moves tenants to other drivers.
type Mover interface {
	// Move has another driver run t's Postgres, with what it holds. Clients wait, and
	// a *wake.BusyError says who cannot. When it fails, t is as it was.
	Move(ctx context.Context, t *catalog.Tenant, driver string) error
}

// Roles writes to the roles in a tenant's Postgres, waking it for that. The
// catalog's copy is this package's to keep: a role that it already has is not
// asked for again. Where PostgreSQL refuses, the error has a method SQLState.
type Roles interface {
	// CreateRole makes a login role with the verifier and rights of role.
	CreateRole(ctx context.Context, t *catalog.Tenant, role catalog.Role) error
	// SetVerifier gives the role name another verifier and leaves its rights alone.
	SetVerifier(ctx context.Context, t *catalog.Tenant, name, verifier string) error
	// DropRole removes the role name; what it owned goes to the role app.
	DropRole(ctx context.Context, t *catalog.Tenant, name string) error
}

// Databases makes and drops databases in a tenant's Postgres, waking it for
// that; errors as for Roles.
type Databases interface {
	// CreateDatabase makes the database name for owner.
	CreateDatabase(ctx context.Context, t *catalog.Tenant, name, owner string) error
	// DropDatabase removes the database name.
	DropDatabase(ctx context.Context, t *catalog.Tenant, name string) error
	// CreateExtension makes an extension in a database, if it is not there.
	CreateExtension(ctx context.Context, t *catalog.Tenant, database, name string) error
}

// Sessions are the clients that are connected to tenants.
type Sessions interface {
	// EndTenant ends every session of the tenant with SQLSTATE 57P01.
	EndTenant(id catalog.TenantID)
	// EndRole ends every session of one role of the tenant with 57P01.
	EndRole(id catalog.TenantID, role string)
	// AwakeBecause lists what keeps the tenant awake now, a phrase each.
	AwakeBecause(id catalog.TenantID) []string
}
