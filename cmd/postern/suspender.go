package main

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"postern/catalog"
	"postern/configs"
	"postern/proxy"
	"postern/proxy/meter"
	"postern/wake"
)

// sessions are the clients as the API sees them. Why a tenant is awake the suspender
// knows best.
type sessions struct {
	*proxy.Server
	suspender *wake.Suspender
}

// AwakeBecause implements api.Sessions.
func (s sessions) AwakeBecause(id catalog.TenantID) []string { return s.suspender.AwakeBecause(id) }

// suspenderSettings is what the suspender obeys of a configuration.
func suspenderSettings(config configs.Wake) wake.SuspenderSettings {
	return wake.SuspenderSettings{
		IdleTimeout: time.Duration(config.IdleTimeout),
		FreezeAfter: time.Duration(config.Process.FreezeAfter),
		MaxAwake:    config.MaxAwake,
		MaxPinIdle:  time.Duration(config.MaxPinIdle),
	}
}

// countSuspend counts in metrics; it fits wake.GateConfig.ObserveSuspend.
func countSuspend(metrics *meter.Metrics) func(driver string, err error) {
	return func(_ string, err error) {
		result := "ok"
		var busy *wake.BusyError
		switch {
		case errors.As(err, &busy):
			result = "busy"
		case err != nil:
			result = "failed"
		}
		metrics.Suspends.WithLabelValues(result).Inc()
	}
}

// suspendAll stops every instance of this machine that runs.
func (d *daemon) suspendAll(ctx context.Context) error {
	if d.database != nil {
		defer d.database.Rest(ctx) // what its last tenant may have left running
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(suspendsAtOnce)
	// In the order in which a tenant goes through them, since what has just come to its
	// end may not be filed yet. A paused tenant may still have had work to finish.
	for _, state := range []catalog.State{
		catalog.Provisioning, catalog.Waking, catalog.Suspending, catalog.Awake, catalog.Frozen, catalog.Paused,
	} {
		query := catalog.Query{State: state}
		for {
			tenants, err := d.store.List(ctx, query)
			if err != nil {
				return errors.Join(err, group.Wait())
			}
			if len(tenants) == 0 {
				break
			}
			for _, t := range tenants {
				group.Go(func() error {
					err := d.gate.Suspend(ctx, t, true)
					if err != nil && !errors.Is(err, wake.ErrUnsupported) {
						d.log.Warn("cannot suspend", "tenant", t.ID, "error", err)
					}
					return nil
				})
			}
			query.After = tenants[len(tenants)-1].ID
		}
	}
	return group.Wait()
}

// suspendsAtOnce bounds how many instances are stopped together.
const suspendsAtOnce = 16
