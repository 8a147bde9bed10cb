package admin

import "context"

// Connections are those that this proxy holds at one moment, in any order. The
// slices are the console's own.
type Connections interface {
	Clients() []Client
	Servers() []Server
	Pools() []Pool
}

// Tenants are those that SHOW DATABASES and SHOW TENANTS list: the ones that this
// proxy serves, not all that the catalog has.
type Tenants interface {
	Tenants(ctx context.Context) ([]Tenant, error)
}

// The interfaces below do what commands ask for. A tenant is a name in lower
// case, not checked further, and "" stands for all of them where that is said. A
// method returns when the thing is done, or earlier with ctx: what it has begun
// then stays so. Errors: ErrUnknownTenant, ErrUnknownClient, a *wire.Error to be
// sent as it is, or any other, whose text is shown.

// Traffic stops clients of one tenant, or of all ("").
type Traffic interface {
	// Pause makes clients wait at their next transaction, closes each server
	// connection as it comes free, and returns when none is left.
	Pause(ctx context.Context, tenant string) error
	// Resume ends what Pause and Kill have begun, for every tenant with "".
	Resume(ctx context.Context, tenant string) error
	// Paused reports whether all clients are held.
	Paused() bool
}

// Sessions ends clients at once (57P01).
type Sessions interface {
	// Kill ends all clients and server connections of one tenant, or of all ("");
	// new clients wait until Resume.
	Kill(ctx context.Context, tenant string) error
	// KillClient ends the client with this Client.ID.
	KillClient(ctx context.Context, id uint64) error
}

// ServerConnections replaces server connections of one tenant, or of all ("").
type ServerConnections interface {
	// Reconnect marks all for closing when they come free.
	Reconnect(ctx context.Context, tenant string) error
	// WaitClose returns when none is left that is so marked.
	WaitClose(ctx context.Context, tenant string) error
}

// Instances starts and stops the Postgres of one tenant.
type Instances interface {
	Wake(ctx context.Context, tenant string) error
	// Suspend waits for running work.
	Suspend(ctx context.Context, tenant string) error
}

// Process is this proxy as a whole.
type Process interface {
	// Reload reads the configuration again.
	Reload(ctx context.Context) error
	// Shutdown begins the end of the process and returns at once.
	Shutdown(ctx context.Context, mode ShutdownMode) error
}

// ShutdownMode is what a shutdown waits for.
type ShutdownMode int

// The modes of SHUTDOWN.
const (
	Immediately    ShutdownMode = iota // nothing
	WaitForServers                     // until each client is between transactions
	WaitForClients                     // until every client has left by itself
)
