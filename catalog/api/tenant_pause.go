package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"postern/catalog"
)

// PauseTenant says how a tenant is to be paused.
type PauseTenant struct {
	Timeout string `json:"timeout,omitempty" doc:"How long to wait for running work; default 30s" example:"30s"`
}

type pauseTenantInput struct {
	TenantPath
	Body *PauseTenant
}

// wait is part of how long the operation may take. (patient)
func (in *pauseTenantInput) wait() time.Duration {
	if in.Body == nil {
		return 0
	}
	return waitOf(in.Body.Timeout)
}

// pauseTenant files the state first, so that no new work begins, and then waits
// for what is running. If that takes longer than the client will wait, the
// tenant is paused all the same and its work goes on to its end.
func (a *api) pauseTenant(ctx context.Context, in *pauseTenantInput) (*actionOutput, error) {
	if in.Body == nil {
		in.Body = &PauseTenant{}
	}
	timeout, err := duration(in.Body.Timeout, suspendTimeout)
	if err != nil {
		return nil, err
	}
	t, err := a.living(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	already := t.State == catalog.Paused
	if !already {
		t, err = a.Store.Transition(ctx, t.ID, pause)
		if err != nil {
			return nil, fmt.Errorf("pause tenant %s: %w", in.ID, err)
		}
		a.Log.Info("tenant paused", "tenant", t.ID)
	}
	err = a.suspend(ctx, t, timeout, false)
	if err != nil && !isBusy(err) && !errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("pause tenant %s: %w", t.ID, err)
	}
	return a.acted(t, already), nil
}

func pause(t *catalog.Tenant) error {
	if err := checkLiving(t); err != nil {
		return err
	}
	if t.State == catalog.Provisioning || t.State == catalog.Failed {
		return problemf(http.StatusConflict, "tenant %s is %s", t.ID, t.State)
	}
	t.State, t.Owner, t.Deadline = catalog.Paused, "", time.Time{}
	return nil
}
