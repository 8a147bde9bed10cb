package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// series is one figure, measured many times.
type series struct {
	Name   string
	Millis []float64
}

func (s *series) add(d time.Duration) {
	s.Millis = append(s.Millis, float64(d.Microseconds())/1000)
}

// quantile returns the value below which the part q of the figures lies.
func (s *series) quantile(q float64) float64 {
	sorted := slices.Sorted(slices.Values(s.Millis))
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// reportSeries prints each series beside the base.
func reportSeries(w io.Writer, format string, base *series, all ...*series) error {
	if format == "json" {
		return json.NewEncoder(w).Encode(append([]*series{base}, all...))
	}
	fmt.Fprintf(w, "%-28s %4s %8s %8s %8s %8s %8s\n", "milliseconds", "n", "min", "median", "p90", "max", "ratio")
	for _, s := range append([]*series{base}, all...) {
		fmt.Fprintf(w, "%-28s %4d %8.1f %8.1f %8.1f %8.1f %8.2f\n", s.Name, len(s.Millis),
			s.quantile(0), s.quantile(.5), s.quantile(.9), s.quantile(1), s.quantile(.5)/base.quantile(.5))
	}
	return nil
}
