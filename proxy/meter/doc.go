// Package meter counts what this proxy does and shows it to Prometheus.
//
// It decides nothing and labels nothing by tenant; per-tenant usage, with its
// windows, ledger and quotas, comes with a later change.
//
//	registry := prometheus.NewRegistry()
//	metrics := meter.New(registry)
//	metrics.Logins.WithLabelValues("ok").Inc()
package meter
