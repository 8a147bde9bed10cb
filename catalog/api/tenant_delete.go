package api

import (
	"context"
	"fmt"
	"time"

	"postern/catalog"
)

type deleteTenantInput struct {
	TenantPath
	IfMatch string `header:"If-Match" doc:"Only if the tenant is at this version"`
	Purge   bool   `query:"purge" doc:"Remove its data and its record for good"`
}

// deleteTenant refuses new clients first, then ends those that are there, then
// removes the instance. Each step may be repeated, so a deletion that broke off
// is finished by asking again.
func (a *api) deleteTenant(ctx context.Context, in *deleteTenantInput) (*actionOutput, error) {
	t, err := a.lookup(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	already := t.Deleted()
	if !already {
		t, err = a.Store.Transition(ctx, t.ID, func(t *catalog.Tenant) error {
			if err := checkMatch(t, in.IfMatch); err != nil {
				return err
			}
			t.State, t.Owner, t.Deadline, t.Failure = catalog.Deleting, "", time.Time{}, ""
			t.DeletedAt = time.Now()
			return nil
		})
	} else {
		err = checkMatch(t, in.IfMatch)
	}
	if err != nil {
		return nil, fmt.Errorf("delete tenant %s: %w", in.ID, err)
	}
	a.Sessions.EndTenant(t.ID)
	if err := a.Instances.Destroy(ctx, t, in.Purge); err != nil {
		return nil, fmt.Errorf("delete tenant %s: %w", t.ID, err)
	}
	if in.Purge {
		if err := a.Store.Purge(ctx, t.ID); err != nil {
			return nil, fmt.Errorf("purge tenant %s: %w", t.ID, err)
		}
	}
	a.Log.Info("tenant deleted", "tenant", t.ID, "purged", in.Purge)
	return a.acted(t, already && !in.Purge), nil
}
