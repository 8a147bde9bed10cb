package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"postern/catalog"
	"postern/wake"
)

func (a *api) undeleteTenant(ctx context.Context, in *TenantPath) (*actionOutput, error) {
	t, err := a.lookup(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if !t.Deleted() {
		return a.acted(t, true), nil
	}
	if err := a.Instances.Restore(ctx, t); errors.Is(err, wake.ErrNotProvisioned) {
		return nil, problemf(http.StatusNotFound, "the data of tenant %s is no longer kept", t.ID).
			hint("Purge it, then create it again.")
	} else if err != nil {
		return nil, fmt.Errorf("undelete tenant %s: %w", t.ID, err)
	}
	t, err = a.Store.Transition(ctx, t.ID, func(t *catalog.Tenant) error {
		t.State, t.DeletedAt = catalog.Asleep, time.Time{}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("undelete tenant %s: %w", in.ID, err)
	}
	a.Log.Info("tenant undeleted", "tenant", t.ID)
	return a.acted(t, false), nil
}
