package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"postern/catalog"
	"postern/wake"
)

const (
	// suspendTimeout is how long running work is waited for by default.
	suspendTimeout = 30 * time.Second
	// maxTimeout is the longest that a client may have us wait.
	maxTimeout = 24 * time.Hour
	// suspendPause lies between two tries to stop a tenant that is at work.
	suspendPause = 100 * time.Millisecond
	// suspendMargin is left for stopping an instance whose work has just ended.
	suspendMargin = 100 * time.Millisecond
)

// SuspendTenant says how a tenant is to be stopped.
type SuspendTenant struct {
	Timeout string `json:"timeout,omitempty" doc:"How long to wait for running work; default 30s, or 0s with force" example:"30s"`
	Force   bool   `json:"force,omitempty" doc:"Then end the work (57P01) instead of giving up"`
}

type suspendTenantInput struct {
	TenantPath
	Body *SuspendTenant
}

// wait is part of how long the operation may take. (patient)
func (in *suspendTenantInput) wait() time.Duration {
	if in.Body == nil {
		return 0
	}
	return waitOf(in.Body.Timeout)
}

func (a *api) suspendTenant(ctx context.Context, in *suspendTenantInput) (*actionOutput, error) {
	if in.Body == nil {
		in.Body = &SuspendTenant{}
	}
	fallback := suspendTimeout
	if in.Body.Force {
		fallback = 0
	}
	timeout, err := duration(in.Body.Timeout, fallback)
	if err != nil {
		return nil, err
	}
	t, err := a.living(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if t.State == catalog.Provisioning {
		return nil, problemf(http.StatusConflict, "tenant %s is being made", t.ID)
	}
	status, err := a.Instances.Status(ctx, t)
	if err != nil {
		return nil, err
	}
	already := !status.Running && (t.State == catalog.Asleep || t.State == catalog.Paused)
	if err := a.suspend(ctx, t, timeout, in.Body.Force); err != nil {
		return nil, fmt.Errorf("suspend tenant %s: %w", t.ID, err)
	}
	if t, err = a.Store.Lookup(ctx, t.ID); err != nil {
		return nil, err
	}
	return a.acted(t, already), nil
}

// suspend stops t's instance when its work is done, tries for as long as timeout
// and then gives up with a *wake.BusyError, or ends the work if force.
func (a *api) suspend(ctx context.Context, t *catalog.Tenant, timeout time.Duration, force bool) error {
	if force && timeout == 0 {
		return a.Instances.Suspend(ctx, t, true)
	}
	patience, cancel := context.WithTimeout(ctx, max(timeout, suspendMargin))
	defer cancel()
	var busy error // what was in the way when last seen
	for {
		err := a.Instances.Suspend(patience, t, false)
		if isBusy(err) {
			busy = err
		} else if !errors.Is(err, context.DeadlineExceeded) { // done, or broken
			return err
		}
		select {
		case <-time.After(suspendPause):
			continue
		case <-patience.Done():
		}
		if force && ctx.Err() == nil {
			return a.Instances.Suspend(ctx, t, true)
		}
		return cmp.Or(busy, err)
	}
}

func isBusy(err error) bool {
	var busy *wake.BusyError
	return errors.As(err, &busy)
}

// waitOf is a duration of a request, 0 for one that is refused later.
func waitOf(s string) time.Duration {
	d, _ := duration(s, suspendTimeout)
	return d
}

// duration reads a duration of a request.
func duration(s string, fallback time.Duration) (time.Duration, error) {
	if s == "" {
		return fallback, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > maxTimeout {
		return 0, problemf(http.StatusUnprocessableEntity, "%q is not a duration such as 30s, at most %v", s, maxTimeout)
	}
	return d, nil
}
