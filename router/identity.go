package router

import "postern/catalog"

// The pool modes that a client may ask for.
const (
	Session     = "session"
	Transaction = "transaction"
)

// Identity is how a Hello was read: which role of which tenant wants which
// database. It is a claim still; package auth checks it.
type Identity struct {
	// Tenant is a well-formed id; whether it exists is the catalog's to say.
	Tenant catalog.TenantID
	// Carrier tells a person where the tenant was named: "sni", "hostname" (a
	// tenant's own host name), "options" or "user"; where several agree they
	// are joined, as in "sni+user".
	Carrier string
	// Role is the user name without the tenant.
	Role string
	// Database is the database asked for, the role's name where none was.
	Database string
	// PoolMode is Session, Transaction, or "" where the client did not ask.
	PoolMode string
	// Settings are the startup settings for the backend: the parameters without
	// "replication", and "options" without the keys that are Postern's, encoded
	// again.
	Settings map[string]string
	// Replication is the startup parameter "replication" as the client sent it,
	// "" where it was absent or said no. Not part of Settings.
	Replication string
}
