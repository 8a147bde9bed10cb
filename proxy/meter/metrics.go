package meter

import (
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the counters of one proxy. Make them with New.
type Metrics struct {
	// Logins counts logins by result: "ok" or why not (wire.Error.Reason).
	Logins *prometheus.CounterVec
	// Rejected counts errors that ended or refused something, by SQLSTATE.
	Rejected *prometheus.CounterVec
	// Clients are the client connections by state: "login", "idle" (greeted, no
	// server connection), "active".
	Clients *prometheus.GaugeVec
	// ServerConnections are those to tenants' Postgres by state: "active".
	ServerConnections *prometheus.GaugeVec
	// Stages tells how long each stage of a session's way in took, in seconds.
	Stages *prometheus.HistogramVec
	// Wakes counts starts of instances by driver and result: "ok", "failed".
	Wakes *prometheus.CounterVec
	// WakeSeconds tells how long successful starts took.
	WakeSeconds prometheus.Histogram
	// Suspends counts suspends of instances that ran by result: "ok", "busy" (there
	// was work), "failed".
	Suspends *prometheus.CounterVec
	// Cancels counts cancel requests by result: "sent", "waiting", "idle",
	// "forwarded" (to another proxy), "unknown", "forged", "refused", "failed".
	Cancels *prometheus.CounterVec

	registry prometheus.Registerer
}

// Tens of milliseconds are what matters, so that is where the buckets are dense.
var secondsBuckets = []float64{.001, .0025, .005, .01, .02, .03, .05, .075, .1, .25, .5, 1, 2.5, 10, 30}

// New makes the metrics and registers them.
func New(registry prometheus.Registerer) *Metrics {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "postern", Name: name, Help: help}, labels)
	}
	gauges := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "postern", Name: name, Help: help}, labels)
	}
	m := &Metrics{
		Logins:            counters("logins_total", "Logins by result.", "result"),
		Rejected:          counters("rejected_total", "Errors raised by the proxy, by SQLSTATE.", "code"),
		Clients:           gauges("clients", "Client connections by state.", "state"),
		ServerConnections: gauges("server_connections", "Connections to tenants' Postgres by state.", "state"),
		Stages: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "postern", Name: "stage_seconds", Help: "Time spent in each stage of a session.", Buckets: secondsBuckets,
		}, []string{"stage"}),
		Wakes: counters("wakes_total", "Starts of tenants' instances.", "driver", "result"),
		WakeSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "postern", Name: "wake_seconds", Help: "Time that successful starts took.", Buckets: secondsBuckets,
		}),
		Suspends: counters("suspends_total", "Suspends of tenants' instances that ran.", "result"),
		Cancels:  counters("cancels_total", "Cancel requests by result.", "result"),
		registry: registry,
	}
	registry.MustRegister(m.Logins, m.Rejected, m.Clients, m.ServerConnections, m.Stages,
		m.Wakes, m.WakeSeconds, m.Suspends, m.Cancels, buildInfo())
	return m
}

// Wake counts one start of an instance; it fits wake.GateConfig.Observe.
func (m *Metrics) Wake(driver string, took time.Duration, err error) {
	if err != nil {
		m.Wakes.WithLabelValues(driver, "failed").Inc()
		return
	}
	m.Wakes.WithLabelValues(driver, "ok").Inc()
	m.WakeSeconds.Observe(took.Seconds())
}

// buildInfo is always 1 and carries the version.
func buildInfo() prometheus.Collector {
	version, goVersion := "unknown", "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		version, goVersion = info.Main.Version, info.GoVersion
	}
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "postern", Name: "build_info", Help: "What runs; the value is always 1.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": goVersion},
	})
	g.Set(1)
	return g
}
