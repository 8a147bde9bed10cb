package main

import (
	"math"
	"slices"
)

// metric is something that is measured, by the name that the result has for it.
type metric string

const (
	perSecond   metric = "per_second"   // transactions, or connections
	latency     metric = "latency_us"   // mean
	median      metric = "p50_us"       // of the latencies
	p99         metric = "p99_us"       // of the latencies
	tail        metric = "p99_over_p50" // where many wait for a few
	cpu         metric = "cpu_us"       // the proxy's, per transaction or connection
	userTime    metric = "user_us"      // part of cpu, in ticks of 10 ms: only long runs tell
	syscalls    metric = "syscalls"     // the proxy's, per transaction
	clientBytes metric = "client_bytes" // the proxy's memory per idle client
	megabytes   metric = "mb_per_s"     // of COPY
	cpuPerGB    metric = "cpu_s_per_gb" // the proxy's
)

// metrics in the order in which they are printed, with their titles.
var metrics = []struct {
	metric metric
	title  string
}{
	{perSecond, "per s"}, {latency, "mean µs"}, {median, "p50 µs"}, {p99, "p99 µs"}, {tail, "p99/p50"},
	{cpu, "CPU µs"}, {userTime, "user µs"}, {syscalls, "syscalls"},
	{clientBytes, "B/client"}, {megabytes, "MB/s"}, {cpuPerGB, "CPU s/GB"},
}

// sample is what one measurement yields.
type sample map[metric]float64

// spread is a figure that was measured several times.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	N      int     `json:"n"`
}

// spreadOf sums figures up. The median of an even number of figures is between
// the two in the middle.
func spreadOf(figures []float64) spread {
	n := len(figures)
	if n == 0 {
		return spread{Median: math.NaN(), Min: math.NaN(), Max: math.NaN()}
	}
	sorted := slices.Sorted(slices.Values(figures))
	return spread{
		Median: (sorted[(n-1)/2] + sorted[n/2]) / 2,
		Min:    sorted[0], Max: sorted[n-1], N: n,
	}
}

// figures of a metric, of those samples that have it.
func figures(samples []sample, m metric) (all []float64) {
	for _, s := range samples {
		if figure, ok := s[m]; ok {
			all = append(all, figure)
		}
	}
	return all
}

// ratios divides figure by figure what was measured in the same round. Rounds in
// which either is missing are left out.
func ratios(of, by []sample, m metric) (all []float64) {
	for i := range min(len(of), len(by)) {
		numerator, ok1 := of[i][m]
		denominator, ok2 := by[i][m]
		if ok1 && ok2 && denominator != 0 {
			all = append(all, numerator/denominator)
		}
	}
	return all
}

// quantile returns the figure below which the part q of the sorted ones lies.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// latencies are what transactions took, in microseconds.
type latencies []float64

// into puts the quantiles into s; without any latency it does nothing.
func (l latencies) into(s sample) {
	if len(l) == 0 {
		return
	}
	sorted := slices.Sorted(slices.Values(l))
	s[median], s[p99] = quantile(sorted, .5), quantile(sorted, .99)
}
