package superuser

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"postern/catalog"
	"postern/wake"
)

// Gate leads to running instances; *wake.Gate is one.
type Gate interface {
	Awake(id catalog.TenantID) (wake.Endpoint, bool)
	Ready(ctx context.Context, t *catalog.Tenant) (wake.Endpoint, error)
	Hold(id catalog.TenantID) (release func())
}

// Tenants does a superuser's work in tenants' instances: the roles and databases
// that the control plane asks for, and keeping the catalog's copy of the roles
// true. Set the fields before the first call, and Close it at the end.
type Tenants struct {
	Gate  Gate
	Store catalog.Store
	// Changed is told when the catalog's copy of a tenant was changed.
	Changed func(catalog.TenantID)
	// Log defaults to slog.Default.
	Log *slog.Logger

	tasks sync.WaitGroup

	mu        sync.Mutex
	closed    bool                           // under mu
	refreshed map[catalog.TenantID]time.Time // under mu: by Suspect, in the last interval
}

// suspectInterval is how often, at most, failed logins make one tenant's roles be
// read again; suspectTimeout is how long that may take.
const (
	suspectInterval = time.Second
	suspectTimeout  = 10 * time.Second
)

// Refresh reads the roles of a tenant that is awake and files them in the
// catalog. One that sleeps has changed nothing, and is left asleep.
func (c *Tenants) Refresh(ctx context.Context, id catalog.TenantID) error {
	endpoint, awake := c.Gate.Awake(id)
	if !awake || endpoint.Superuser == "" {
		return nil
	}
	conn, err := Connect(ctx, endpoint, "postgres")
	if err != nil {
		return err
	}
	defer conn.Close()
	roles, err := conn.Roles(ctx)
	if err != nil {
		return err
	}
	if err := wake.SyncRoles(ctx, c.Store, id, roles); err != nil {
		return err
	}
	if c.Changed != nil {
		c.Changed(id)
	}
	return nil
}

// Suspect is told of a failed login: the role may have been made or changed where
// Postern could not see it. It refreshes in the background, at most once a second
// a tenant.
func (c *Tenants) Suspect(id catalog.TenantID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for other, at := range c.refreshed {
		if now.Sub(at) >= suspectInterval {
			delete(c.refreshed, other)
		}
	}
	if _, recent := c.refreshed[id]; recent || c.closed {
		return
	}
	if c.refreshed == nil {
		c.refreshed = make(map[catalog.TenantID]time.Time)
	}
	c.refreshed[id] = now
	c.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), suspectTimeout)
		defer cancel()
		err := c.Refresh(ctx, id)
		if _, awake := c.Gate.Awake(id); err != nil && awake && !errors.Is(err, catalog.ErrNotFound) {
			c.log().Warn("cannot read the tenant's roles again", "tenant", id, "error", err)
		}
	})
}

// Close waits for what Suspect has begun.
func (c *Tenants) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.tasks.Wait()
}

func (c *Tenants) log() *slog.Logger {
	if c.Log != nil {
		return c.Log
	}
	return slog.Default()
}

// CreateRole makes a login role with the verifier and rights of role, waking the
// tenant for that.
func (c *Tenants) CreateRole(ctx context.Context, t *catalog.Tenant, role catalog.Role) error {
	return c.do(ctx, t, func(conn *Conn) error {
		return conn.EnsureRole(ctx, RoleSpec{Name: role.Name, Verifier: role.Verifier, ReadOnly: role.ReadOnly})
	})
}

// SetVerifier gives the role another verifier and leaves its rights alone.
func (c *Tenants) SetVerifier(ctx context.Context, t *catalog.Tenant, name, verifier string) error {
	return c.do(ctx, t, func(conn *Conn) error { return conn.SetVerifier(ctx, name, verifier) })
}

// DropRole removes the role; what it owned goes to the role app.
func (c *Tenants) DropRole(ctx context.Context, t *catalog.Tenant, name string) error {
	return c.do(ctx, t, func(conn *Conn) error { return conn.DropRole(ctx, name, "app") })
}

// CreateDatabase makes the database for owner.
func (c *Tenants) CreateDatabase(ctx context.Context, t *catalog.Tenant, name, owner string) error {
	return c.do(ctx, t, func(conn *Conn) error { return conn.EnsureDatabase(ctx, name, owner) })
}

// DropDatabase removes the database, and ends the sessions in it.
func (c *Tenants) DropDatabase(ctx context.Context, t *catalog.Tenant, name string) error {
	return c.do(ctx, t, func(conn *Conn) error { return conn.DropDatabase(ctx, name) })
}

// CreateExtension makes an extension in a database, if it is not there.
func (c *Tenants) CreateExtension(ctx context.Context, t *catalog.Tenant, database, name string) error {
	return c.do(ctx, t, func(conn *Conn) error { return conn.EnsureExtension(ctx, database, name) })
}

// do wakes the tenant and runs work over a superuser connection.
func (c *Tenants) do(ctx context.Context, t *catalog.Tenant, work func(*Conn) error) error {
	defer c.Gate.Hold(t.ID)()
	endpoint, err := c.Gate.Ready(ctx, t)
	if err != nil {
		return err
	}
	if endpoint.Superuser == "" {
		return wake.ErrUnsupported
	}
	conn, err := Connect(ctx, endpoint, "postgres")
	if err != nil {
		return err
	}
	defer conn.Close()
	return work(conn)
}
