package main

import (
	"math"
	"slices"
	"testing"
)

func TestSpreadOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		figures []float64
		want    spread
	}{
		{[]float64{3}, spread{3, 3, 3, 1}},
		{[]float64{9, 1, 2}, spread{2, 1, 9, 3}},
		{[]float64{4, 1, 2, 10}, spread{3, 1, 10, 4}},
	} {
		before := slices.Clone(test.figures)
		if got := spreadOf(test.figures); got != test.want {
			t.Errorf("%v: %+v, want %+v", test.figures, got, test.want)
		}
		if !slices.Equal(before, test.figures) {
			t.Errorf("%v became %v", before, test.figures)
		}
	}
	if got := spreadOf(nil); !math.IsNaN(got.Median) || got.N != 0 {
		t.Errorf("of nothing: %+v", got)
	}
}

// A ratio is of two figures of the same round, and the median is one of ratios,
// not a ratio of medians.
func TestRatios(t *testing.T) {
	t.Parallel()
	of := []sample{{cpu: 10}, {cpu: 40}, {}, {cpu: 9}, {cpu: 7}}
	by := []sample{{cpu: 5}, {cpu: 10}, {cpu: 3}, {latency: 1}, {cpu: 0}, {cpu: 1}}
	if got := ratios(of, by, cpu); !slices.Equal(got, []float64{2, 4}) {
		t.Errorf("ratios are %v", got)
	}
	o := outcome{Peers: []reading{
		{Peer: pgbouncer, Samples: []sample{{cpu: 1}, {cpu: 10}, {cpu: 100}}},
		{Peer: postern, Samples: []sample{{cpu: 3}, {cpu: 20}, {cpu: 100}}},
	}}
	o.sumUp()
	if got, want := o.Ratios["postern/pgbouncer"][cpu], (spread{2, 1, 3, 3}); got != want {
		t.Errorf("ratio is %+v, want %+v", got, want)
	}
	if got, want := o.reading(postern).Sum[cpu], (spread{20, 3, 100, 3}); got != want {
		t.Errorf("sum is %+v, want %+v", got, want)
	}
	if _, found := o.Ratios["postern/direct"]; found {
		t.Error("a ratio to what was not measured")
	}
}

func TestLatencies(t *testing.T) {
	t.Parallel()
	var all latencies
	for i := range 1000 {
		all = append(all, float64(1000-i))
	}
	s := sample{}
	all.into(s)
	if s[median] != 501 || s[p99] != 991 {
		t.Errorf("quantiles are %v", s)
	}
	empty := sample{}
	latencies(nil).into(empty)
	if len(empty) != 0 {
		t.Errorf("of nothing: %v", empty)
	}
}
