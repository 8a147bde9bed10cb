package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"postern/catalog"
)

// errSettled ends a Transition that has nothing to change.
var errSettled = errors.New("nothing to change")

func (a *api) wakeTenant(ctx context.Context, in *TenantPath) (*actionOutput, error) {
	t, err := a.living(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if t.State == catalog.Paused {
		return nil, problemf(http.StatusConflict, "tenant %s is paused", t.ID).hint("Resume it first.")
	}
	status, err := a.Instances.Status(ctx, t)
	if err != nil {
		return nil, err
	}
	// One that failed before there was anything of it is made again; one that had
	// data once must not come back empty.
	failure := t.Failure
	unmade := t.State == catalog.Failed && !status.Provisioned && t.LastActiveAt.IsZero()
	if unmade {
		if t, err = a.transition(ctx, t, catalog.Failed, catalog.Provisioning, ""); err != nil {
			return nil, err
		}
	}
	already := t.State == catalog.Awake && status.Running
	if _, err := a.Instances.Ready(ctx, t); err != nil {
		if unmade { // nobody is at it any more
			_, _ = a.transition(context.WithoutCancel(ctx), t, catalog.Provisioning, catalog.Failed, failure)
		}
		return nil, fmt.Errorf("wake tenant %s: %w", t.ID, err)
	}
	return a.acted(a.awake(ctx, t), already), nil
}

// awake returns t as the record of a tenant whose instance has just answered.
// The record may lag behind that, or be out of reach for the moment; what is
// known of the instance counts.
func (a *api) awake(ctx context.Context, t *catalog.Tenant) *catalog.Tenant {
	fresh, err := a.Store.Transition(ctx, t.ID, func(t *catalog.Tenant) error {
		switch t.State {
		case catalog.Provisioning, catalog.Waking, catalog.Frozen:
		default:
			return errSettled
		}
		t.State, t.Failure, t.LastActiveAt = catalog.Awake, "", time.Now()
		return nil
	})
	if err != nil {
		fresh = t.Clone()
		fresh.State = catalog.Awake
	}
	return fresh
}

// transition moves t from one state to another; t must still be in the first.
func (a *api) transition(ctx context.Context, t *catalog.Tenant, from, to catalog.State, failure string) (*catalog.Tenant, error) {
	return a.Store.Transition(ctx, t.ID, func(t *catalog.Tenant) error {
		if t.State != from {
			return problemf(http.StatusConflict, "tenant %s is %s by now", t.ID, t.State)
		}
		t.State, t.Failure = to, failure
		return nil
	})
}
