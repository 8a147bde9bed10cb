package meter

import "github.com/prometheus/client_golang/prometheus"

// Traffic is what clients have done since the proxy began.
type Traffic struct {
	// Queries were answered, and Transactions are over.
	Queries, Transactions int64
	// BytesIn and BytesOut are protocol bytes after the login, from clients and to
	// them.
	BytesIn, BytesOut int64
	// Pins is how many clients keep a server connection between transactions now, by
	// the reason.
	Pins map[string]int64
}

// trafficCollector asks when it is asked.
type trafficCollector struct {
	source                             func() Traffic
	queries, transactions, bytes, pins *prometheus.Desc
}

// Watch shows what source tells, which is called at each scrape. It is called once.
func (m *Metrics) Watch(source func() Traffic) {
	name := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("postern_"+name, help, labels, nil)
	}
	m.registry.MustRegister(&trafficCollector{
		source:       source,
		queries:      name("queries_total", "Query, FunctionCall and Execute messages that were answered."),
		transactions: name("transactions_total", "Transactions that are over."),
		bytes:        name("bytes_total", "Protocol bytes after login, by direction seen from the client.", "direction"),
		pins:         name("pins", "Clients that keep their server connection between transactions, by reason.", "reason"),
	})
}

// Describe implements prometheus.Collector.
func (c *trafficCollector) Describe(all chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.queries, c.transactions, c.bytes, c.pins} {
		all <- d
	}
}

// Collect implements prometheus.Collector.
func (c *trafficCollector) Collect(all chan<- prometheus.Metric) {
	t := c.source()
	count := func(d *prometheus.Desc, n int64, labels ...string) {
		all <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	count(c.queries, t.Queries)
	count(c.transactions, t.Transactions)
	count(c.bytes, t.BytesIn, "in")
	count(c.bytes, t.BytesOut, "out")
	for reason, n := range t.Pins {
		all <- prometheus.MustNewConstMetric(c.pins, prometheus.GaugeValue, float64(n), reason)
	}
}
