package wake

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"postern/catalog"
)

// Driver runs the backends of one kind. Every method is idempotent, obeys ctx
// and may be called for different tenants at once; the Gate sees to it that one
// proxy makes one call at a time for one tenant, and the driver itself that two
// proxies do no harm.
type Driver interface {
	// Provision makes the tenant's Postgres with the roles and databases of the
	// record, ready for Wake; what a broken-off call left is resumed or removed.
	// It may leave the instance running.
	Provision(ctx context.Context, t *catalog.Tenant) error
	// Wake starts the instance, or adopts it if it runs, and returns when it has
	// answered a query. ErrNotProvisioned if there is none.
	Wake(ctx context.Context, t *catalog.Tenant) (Endpoint, error)
	// Suspend stops the instance without losing anything that was committed; a
	// stopped one is left alone. A *BusyError means that it still has work and
	// runs on as before.
	Suspend(ctx context.Context, t *catalog.Tenant, s Suspension) error
	// Status looks without touching. It never wakes.
	Status(ctx context.Context, t *catalog.Tenant) (Status, error)
	// Destroy stops the instance at once and removes it. Where the driver can,
	// the data is kept for Restore; purge removes that as well.
	Destroy(ctx context.Context, t *catalog.Tenant, purge bool) error
	// Restore brings back what Destroy kept, or answers ErrNotProvisioned.
	Restore(ctx context.Context, t *catalog.Tenant) error
	// Capabilities says what the driver can do; the answer never changes.
	Capabilities() Capabilities
}

// Capabilities is what a kind of backend can do.
type Capabilities struct {
	// Provision: Provision, Destroy and Restore do something.
	Provision bool
	// Suspend: the backend can be stopped and woken.
	Suspend bool
	// Superuser: Endpoint.Superuser is set.
	Superuser bool
	// Shared: Endpoint.Share is set, and no role can make databases.
	Shared bool
}

// Suspension is how a tenant is to be stopped.
type Suspension struct {
	// Force ends whatever is still connected (57P01) instead of giving up.
	Force bool
	// Wanted, if not nil, is closed when somebody asks for the instance. As long as
	// the driver has not begun to stop it, it gives up then with a *BusyError.
	Wanted <-chan struct{}
	// Roles, if set, is called with the roles as pg_authid has them, as the last
	// act before the instance stops; an error gives the suspend up.
	Roles func(ctx context.Context, roles map[string]catalog.Role) error
}

// Freezer is a Driver that can also stop an instance where it is: the instance keeps
// its memory and its connections, uses no CPU and answers nobody. Every other method
// of the Driver that needs it running, or wants it to end, thaws it first, whoever
// has frozen it. The rules for a Driver's methods hold.
type Freezer interface {
	// Freeze freezes the instance. A *BusyError means that it has work, or is used by
	// somebody else than Postern says, and runs on as before; so it does after any
	// error.
	Freeze(ctx context.Context, t *catalog.Tenant, f Freezing) error
	// Thaw has it go on. One that is not frozen is left alone; ErrNotProvisioned if
	// there is none.
	Thaw(ctx context.Context, t *catalog.Tenant) error
}

// Freezing is how a tenant is to be frozen.
type Freezing struct {
	// Backends are the process ids of the server connections that this proxy keeps
	// and uses for nothing.
	Backends []uint32
	// Wanted is as for Suspension.
	Wanted <-chan struct{}
	// Unheld, if set, is called when nobody can come any more; an error gives the
	// freeze up.
	Unheld func(ctx context.Context) error
}

// Endpoint is where a running instance is reached.
type Endpoint struct {
	// Network and Address are as net.Dial takes them; "unix" or "tcp".
	Network, Address string
	// TLS is used on the connection, nil for none.
	TLS *tls.Config
	// Superuser is the role that logs in over this address without a password
	// (peer authentication on a private socket); "" where Postern is none.
	Superuser string
	// Proxy tells this proxy's superuser connections from those of others; "" where
	// there are none.
	Proxy string
	// Share says what the tenant's roles and databases are called where the instance
	// is not its own.
	Share Share
	// Run identifies this run of the instance: another start has another Run.
	Run string
	// Gone is closed when this run of the instance has ended; nil where the
	// driver cannot see that.
	Gone <-chan struct{}
}

// Status is what a driver sees of an instance.
type Status struct {
	// Provisioned: there is an instance, running or not.
	Provisioned bool
	// Running: it runs now.
	Running bool
	// Details are for the operator, with the keys of "backend" in `tenant get`:
	// data_dir, socket_dir, port, pid, postgres_version, or host and port.
	Details map[string]any
	// Log names the file with the instance's own log, "" if there is none.
	Log string
}

// ErrNotProvisioned: the tenant has no instance yet, or no longer.
var ErrNotProvisioned = errors.New("tenant has no instance")

// ErrUnsupported: the driver cannot do this for any tenant.
var ErrUnsupported = errors.New("not supported by this driver")

// ErrNoRoom: there is no disk, memory or slot left to make an instance.
var ErrNoRoom = errors.New("no room for another instance")

// ErrCrowded: as many instances run as may, and none of them can be put to sleep.
var ErrCrowded = errors.New("no room to wake another tenant")

// BusyError is why a tenant was not suspended.
type BusyError struct {
	// Because lists what is at work, a phrase each.
	Because []string
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("tenant is busy: %s", strings.Join(e.Because, ", "))
}

// FailedError is a failure that waiting will not cure: the tenant is Failed
// until an operator has looked.
type FailedError struct {
	// Reason is one line for the operator.
	Reason string
	// Hint says what to do about it; may be empty.
	Hint string
	// Log is the end of the instance's own log; may be empty.
	Log string
}

func (e *FailedError) Error() string { return e.Reason }

// Text is the whole story for the operator: reason, hint and log.
func (e *FailedError) Text() string {
	text := e.Reason
	for _, more := range []string{e.Hint, e.Log} {
		if more != "" {
			text += "\n" + more
		}
	}
	return text
}
