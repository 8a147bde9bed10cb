package wake

import (
	"context"
	"errors"

	"postern/catalog"
)

// Fleet is all proxies that share the catalog, of which others may use the same
// tenants; *membership.Member is one. The Gate makes one call at a time for a tenant.
type Fleet interface {
	// Hold says that this proxy uses the tenant until Drop, and waits while another
	// suspends it. It fails with ctx's error alone.
	Hold(ctx context.Context, id catalog.TenantID) error
	// Drop ends that.
	Drop(ctx context.Context, id catalog.TenantID)
	// Claim is Store.Transition of a tenant that no other proxy holds, else
	// catalog.ErrHeld; catalog.ErrUnsettled says that it is too soon to tell.
	Claim(ctx context.Context, id catalog.TenantID, change func(*catalog.Tenant) error) (*catalog.Tenant, error)
}

// alone is the Fleet of a proxy that shares its catalog with nobody.
type alone struct{ catalog.Store }

func (alone) Hold(context.Context, catalog.TenantID) error { return nil }

func (alone) Drop(context.Context, catalog.TenantID) {}

func (a alone) Claim(ctx context.Context, id catalog.TenantID, change func(*catalog.Tenant) error) (*catalog.Tenant, error) {
	return a.Transition(ctx, id, change)
}

// errElsewhere is why SuspendIdle left an instance alone that other proxies use. This
// one does not know it any more then, and has to ask for it like any other.
var errElsewhere = errors.New("other proxies use the tenant")

// busyElsewhere is err as whoever wants to suspend a tenant understands it.
func busyElsewhere(err error) error {
	switch {
	case errors.Is(err, catalog.ErrHeld):
		return &BusyError{Because: []string{"another proxy that uses it"}}
	case errors.Is(err, catalog.ErrUnsettled):
		return &BusyError{Because: []string{"other proxies may use it that are not back in the catalog yet"}}
	}
	return err
}

// hold tells the other proxies that this one uses t, if that can be suspended at all.
func (g *Gate) hold(ctx context.Context, t *catalog.Tenant) error {
	if driver, err := g.driver(t); err != nil || !driver.Capabilities().Suspend {
		return nil
	}
	return g.config.Fleet.Hold(ctx, t.ID)
}

// letGo tells the other proxies that this one no longer uses the tenant. It is called
// at the end of an operation, before the next can begin.
func (g *Gate) letGo(id catalog.TenantID) {
	ctx, cancel := context.WithTimeout(g.life, g.config.Timeout)
	defer cancel()
	g.config.Fleet.Drop(ctx, id)
}

// recordUnheld files a change of a tenant that no other proxy uses; those know better.
func (g *Gate) recordUnheld(ctx context.Context, id catalog.TenantID, change func(*catalog.Tenant) error) {
	_, err := g.config.Fleet.Claim(ctx, id, change)
	if errors.Is(err, catalog.ErrHeld) || errors.Is(err, catalog.ErrUnsettled) {
		return
	}
	g.complain(id, err)
}
