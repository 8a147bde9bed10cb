package router

// The kinds of Error, stable words for logs and metrics.
const (
	NoUser           = "no_user"            // the startup packet has no user
	NoTenant         = "no_tenant"          // no carrier names a tenant
	InvalidTenant    = "invalid_tenant"     // a carrier names what cannot be a tenant
	TenantConflict   = "tenant_conflict"    // two carriers name different tenants
	InvalidPoolMode  = "invalid_pool_mode"  // pool_mode is none of ours
	PoolModeConflict = "pool_mode_conflict" // two carriers ask for different pool modes
)

// Error is a Hello that cannot be read as an Identity, in words for the client:
// SQLSTATE 28000. It tells nothing that the client did not say itself.
type Error struct {
	// Kind is one of the constants above.
	Kind string
	// Message is one sentence without a full stop.
	Message string
	// Hint shows the accepted forms with the client's own values.
	Hint string
}

func (e *Error) Error() string { return e.Message }
