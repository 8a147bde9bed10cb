package api

import (
	"context"
	"fmt"

	"postern/catalog"
)

// resumeTenant ends a pause. It wakes nobody: the next client does.
func (a *api) resumeTenant(ctx context.Context, in *TenantPath) (*actionOutput, error) {
	t, err := a.living(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if t.State != catalog.Paused {
		return a.acted(t, true), nil
	}
	status, err := a.Instances.Status(ctx, t)
	if err != nil {
		return nil, err
	}
	next := catalog.Asleep
	if status.Running { // its last work has not ended yet
		next = catalog.Awake
	}
	if t, err = a.transition(ctx, t, catalog.Paused, next, ""); err != nil {
		return nil, fmt.Errorf("resume tenant %s: %w", in.ID, err)
	}
	a.Log.Info("tenant resumed", "tenant", t.ID)
	return a.acted(t, false), nil
}
