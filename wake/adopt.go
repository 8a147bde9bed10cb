package wake

import (
	"context"
	"time"

	"postern/catalog"
)

// unsettled are the states that a proxy which died may have left behind.
var unsettled = []catalog.State{catalog.Provisioning, catalog.Awake, catalog.Waking, catalog.Suspending, catalog.Frozen}

// Adopt puts the record straight after a restart, of this proxy or of another that has
// not come back: every tenant whose state says that something runs or is under way,
// and that no living proxy answers for, is looked at; what runs is taken over and
// what does not is asleep. Tenants of drivers that cannot suspend, or that have no
// instance within this proxy's reach, are left as they are. It stops at the first
// error of the store.
func (g *Gate) Adopt(ctx context.Context) error {
	for _, state := range unsettled {
		query := catalog.Query{State: state, Unheld: true}
		for {
			tenants, err := g.config.Store.List(ctx, query)
			if err != nil {
				return err
			}
			if len(tenants) == 0 {
				break
			}
			for _, t := range tenants {
				g.adopt(ctx, t)
			}
			query.After = tenants[len(tenants)-1].ID
		}
	}
	return nil
}

func (g *Gate) adopt(ctx context.Context, t *catalog.Tenant) {
	driver, err := g.driver(t)
	if err != nil || !driver.Capabilities().Suspend {
		return
	}
	status, err := driver.Status(ctx, t)
	switch {
	case err != nil:
		g.config.Log.Warn("cannot tell whether the tenant runs", "tenant", t.ID, "error", err)
	case status.Running:
		err := g.exclusive(ctx, t, func(ctx context.Context, _ *operation, e *entry) (Endpoint, bool, error) {
			if e.awake { // a client was faster
				return e.endpoint, true, nil
			}
			if err := g.hold(ctx, t); err != nil {
				return Endpoint{}, false, err
			}
			endpoint, err := driver.Wake(ctx, t) // not a start, so not observed as one
			g.recordOutcome(t.ID, err, t)
			return endpoint, err == nil, err
		})
		if err != nil {
			g.config.Log.Warn("cannot adopt the tenant's instance", "tenant", t.ID, "error", err)
			return
		}
		g.config.Log.Info("adopted", "tenant", t.ID)
	case status.Provisioned:
		g.recordUnheld(ctx, t.ID, func(now *catalog.Tenant) error {
			if now.Generation != t.Generation {
				return errUnchanged // somebody else has been at it since
			}
			now.State, now.Owner, now.Deadline = catalog.Asleep, "", time.Time{}
			return nil
		})
	}
}
