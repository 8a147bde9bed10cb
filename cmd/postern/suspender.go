package main

import (
	"errors"

	"postern/catalog"
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
