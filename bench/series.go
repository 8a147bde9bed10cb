package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// series is one figure, measured many times.
type series struct {
	Name   string    `json:"name"`
	Millis []float64 `json:"millis"`
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

// over divides every figure by a base.
func (s *series) over(base float64) spread {
	figures := make([]float64, 0, len(s.Millis))
	for _, figure := range s.Millis {
		figures = append(figures, figure/base)
	}
	return spreadOf(figures)
}

// writeSeries prints each series beside the base.
func writeSeries(w io.Writer, base *series, all ...*series) {
	fmt.Fprintf(w, "%-32s %4s %8s %8s %8s %8s %8s %8s\n", "milliseconds", "n", "min", "median", "p90", "p99", "max", "ratio")
	for _, s := range append([]*series{base}, all...) {
		if len(s.Millis) == 0 {
			continue
		}
		fmt.Fprintf(w, "%-32s %4d %8.1f %8.1f %8.1f %8.1f %8.1f %8.2f\n", s.Name, len(s.Millis),
			s.quantile(0), s.quantile(.5), s.quantile(.9), s.quantile(.99), s.quantile(1), s.quantile(.5)/base.quantile(.5))
	}
}
