package main

// target is a bar that Postern is held to.
type target struct {
	line     string // of the list of targets
	what     string
	scenario string
	metric   metric
	absolute bool // the figure itself counts, not its ratio to PgBouncer's
	least    bool // at least, not at most
	bar      float64
	goal     float64 // where it is going; 0 where there is only a bar
}

// targets in their order. Ratios are Postern's to PgBouncer's.
var targets = []target{
	{line: "P1", what: "CPU per transaction, c = 32", scenario: "select-simple-c32", metric: cpu, bar: 1.05, goal: .80},
	{line: "P1", what: "CPU per transaction, c = 64", scenario: "select-simple-c64", metric: cpu, bar: 1.00, goal: .70},
	{line: "P2", what: "transactions/s, c = 32", scenario: "select-simple-c32", metric: perSecond, least: true, bar: 1.00, goal: 1.20},
	{line: "P2", what: "transactions/s, c = 64", scenario: "select-simple-c64", metric: perSecond, least: true, bar: 1.10, goal: 1.40},
	{line: "P3", what: "latency, c = 1 on one CPU", scenario: "pinned-c1", metric: latency, bar: 1.15, goal: .95},
	{line: "P3", what: "CPU per transaction there", scenario: "pinned-c1", metric: cpu, bar: 1.30},
	{line: "P4", what: "extended: CPU per transaction", scenario: "select-extended-c32", metric: cpu, bar: 1.10, goal: .85},
	{line: "P4", what: "extended: transactions/s", scenario: "select-extended-c32", metric: perSecond, least: true, bar: .95},
	{line: "P4", what: "prepared: CPU per transaction", scenario: "select-prepared-c32", metric: cpu, bar: 1.10, goal: .85},
	{line: "P4", what: "prepared: transactions/s", scenario: "select-prepared-c32", metric: perSecond, least: true, bar: .95},
	{line: "P5", what: "COPY out: MB/s", scenario: "copy-out", metric: megabytes, least: true, bar: 1.3, goal: 1.8},
	{line: "P5", what: "COPY out: CPU per GB", scenario: "copy-out", metric: cpuPerGB, bar: .6, goal: .35},
	{line: "P6", what: "COPY in: MB/s", scenario: "copy-in", metric: megabytes, least: true, bar: 1.0},
	{line: "P6", what: "COPY in: CPU per GB", scenario: "copy-in", metric: cpuPerGB, bar: .6},
	{line: "P7", what: "memory, 10,000 idle clients", scenario: "idle-10000", metric: clientBytes, bar: 1.0, goal: .5},
	{line: "P8", what: "memory, 2,000 idle TLS clients", scenario: "idle-tls-2000", metric: clientBytes, bar: 1.2, goal: .5},
	{line: "P9", what: "CPU per SCRAM connection", scenario: "connect", metric: cpu, bar: 1.5, goal: .9},
	{line: "P10", what: "CPU per TLS 1.3 handshake", scenario: "handshake", metric: cpu, bar: 1.1},
	{line: "P10", what: "TLS: CPU per transaction, c = 32", scenario: "select-simple-c32-tls", metric: cpu, bar: 1.1},
	{line: "P10", what: "TLS: COPY out, MB/s", scenario: "copy-out-tls", metric: megabytes, least: true, bar: 1.3},
	{line: "P10", what: "TLS: COPY out, CPU per GB", scenario: "copy-out-tls", metric: cpuPerGB, bar: .5},
	{line: "P11", what: "p99/p50, 1,000 clients on 20", scenario: "crowd-1000", metric: tail, absolute: true, bar: 1.5, goal: 1.2},
	{line: "P12", what: "transactions/s, 200 tenants", scenario: "tenants-200", metric: perSecond, least: true, bar: 1.1, goal: 1.4},
	{line: "P13", what: "user µs per transaction, c = 32", scenario: "select-simple-c32", metric: userTime, absolute: true, bar: 2.5, goal: 1.5},
	{line: "P13", what: "system calls per transaction", scenario: "syscalls-c32", metric: syscalls, absolute: true, bar: 4.5, goal: 2},
	{line: "P13", what: "allocations per message", bar: 0, absolute: true}, // a matter of Go's own benchmarks
}

// verdict is how a target was met.
type verdict struct {
	Line     string  `json:"line"`
	What     string  `json:"what"`
	Absolute bool    `json:"absolute,omitempty"`
	Least    bool    `json:"least,omitempty"`
	Bar      float64 `json:"bar"`
	Goal     float64 `json:"goal,omitempty"`
	// Seen is nil where it was not measured.
	Seen *spread `json:"seen"`
	Word string  `json:"word"` // "goal", "met", "not met" or "not measured"
}

// judge holds a result against the targets.
func judge(r *result) []verdict {
	verdicts := make([]verdict, 0, len(targets))
	for _, t := range targets {
		v := verdict{Line: t.line, What: t.what, Absolute: t.absolute, Least: t.least, Bar: t.bar, Goal: t.goal, Word: "not measured"}
		if seen, ok := t.seen(r); ok {
			v.Seen, v.Word = &seen, t.word(seen.Median)
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

// seen finds the figure that counts.
func (t target) seen(r *result) (spread, bool) {
	o := r.outcome(t.scenario)
	if o == nil {
		return spread{}, false
	}
	if !t.absolute {
		seen, ok := o.Ratios[postern+"/"+pgbouncer][t.metric]
		return seen, ok
	}
	p := o.reading(postern)
	if p == nil {
		return spread{}, false
	}
	seen, ok := p.Sum[t.metric]
	return seen, ok
}

func (t target) word(figure float64) string {
	reaches := func(bar float64) bool {
		if t.least {
			return figure >= bar
		}
		return figure <= bar
	}
	switch {
	case t.goal != 0 && reaches(t.goal):
		return "goal"
	case reaches(t.bar):
		return "met"
	}
	return "not met"
}
