package catalog

import (
	"maps"
	"slices"
	"time"
)

// Tenant is one immutable version of a tenant's record. Whoever wants another
// version asks the Store for it; nobody writes to a Tenant that was handed out.
type Tenant struct {
	// ID names the tenant everywhere: DNS label, user-name suffix, metric label.
	ID TenantID
	// UID is unique for ever: a tenant deleted and created again under the same
	// ID has another one. It is 32 hexadecimal digits.
	UID string
	// Version counts changes of configuration, starting at 1. State changes do
	// not count: waking a tenant leaves its ETag alone.
	Version int64

	// State is what the tenant is doing; Generation counts its changes, so that
	// whoever took a transitional state over can tell that it still owns it.
	State      State
	Generation int64
	// Owner is the proxy that put the tenant into a transitional state, and
	// Deadline when anybody else may take it over.
	Owner    string
	Deadline time.Time
	// Failure says why State is Failed, for the operator.
	Failure string

	// Driver names the wake driver: "process", "static", …
	Driver string
	// Region is where the tenant lives.
	Region string
	// Hostnames are the tenant's own names, exact and lower-case, besides
	// <id>.<domain>.
	Hostnames []string
	// Labels are the operator's, for selecting tenants.
	Labels map[string]string
	// Settings are the application's own.
	Settings map[string]string
	// Postgres are server settings of the tenant's instance (postgresql.conf).
	Postgres map[string]string
	// PGVersion is the major version asked for, 0 for the newest there is.
	PGVersion int
	// PoolMode is "session" or "transaction", "" for the proxy's own default.
	PoolMode string
	// IdleTimeout is after how long without work the tenant is suspended: "10m", "0"
	// for never, "" for the proxy's own default. See SleepsAfter.
	IdleTimeout string
	// Backend tells the static driver where the tenant's Postgres is.
	Backend Backend

	// Roles are the tenant's login roles by name: a copy of pg_authid, exact
	// while the tenant sleeps.
	Roles map[string]Role
	// Databases are the names Postern made or was told of; the backend's
	// pg_database is the truth.
	Databases []string
	// Greetings are the logins that have succeeded since roles, databases or
	// configuration last changed, by Greeting.Key.
	Greetings map[string]Greeting

	CreatedAt time.Time
	UpdatedAt time.Time
	// LastActiveAt is when the tenant last had work, zero if never.
	LastActiveAt time.Time
	// DeletedAt is when the tenant was deleted, zero while it lives. A deleted
	// tenant keeps its ID until it is purged.
	DeletedAt time.Time
}

// Role is what the catalog remembers of one login role of a tenant.
type Role struct {
	// Name is the role's name in the tenant's Postgres.
	Name string
	// Verifier is rolpassword: a SCRAM-SHA-256 verifier, or "" for a role that
	// has no password and so cannot log in through Postern.
	Verifier string
	// CanLogin is rolcanlogin.
	CanLogin bool
	// ValidUntil is rolvaliduntil, zero for no limit.
	ValidUntil time.Time
	// ReadOnly says that Postern made the role with read rights alone.
	ReadOnly bool
}

// Usable reports whether the role may log in by password at the time now.
func (r Role) Usable(now time.Time) bool {
	return r.CanLogin && r.Verifier != "" && (r.ValidUntil.IsZero() || now.Before(r.ValidUntil))
}

// Equal reports whether two records of a role are the same.
func (r Role) Equal(other Role) bool {
	until := other.ValidUntil
	other.ValidUntil = r.ValidUntil
	return r == other && r.ValidUntil.Equal(until)
}

// Backend is the address of a Postgres that Postern does not run itself.
type Backend struct {
	// Host is a name, an address, or an absolute directory of a Unix socket.
	Host string
	// Port defaults to 5432.
	Port int
	// TLS is a libpq sslmode: "disable", "require", "verify-ca", "verify-full";
	// "" means "verify-full" for a host name and "disable" for a Unix socket.
	TLS string
	// RootCert is a file with the CA certificates to trust, "" for the system's.
	RootCert string
}

// Clone returns a deep copy, for a Store to change and file as a new version.
func (t *Tenant) Clone() *Tenant {
	c := *t
	c.Hostnames = slices.Clone(t.Hostnames)
	c.Labels = maps.Clone(t.Labels)
	c.Settings = maps.Clone(t.Settings)
	c.Postgres = maps.Clone(t.Postgres)
	c.Roles = maps.Clone(t.Roles)
	c.Databases = slices.Clone(t.Databases)
	c.Greetings = maps.Clone(t.Greetings) // Parameters are never written to
	return &c
}

// Deleted reports whether the tenant was deleted and not brought back.
func (t *Tenant) Deleted() bool { return !t.DeletedAt.IsZero() }
