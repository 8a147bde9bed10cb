package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"
)

// writeOutcome prints one scenario: medians with least and most, and the ratios.
func writeOutcome(w io.Writer, o *outcome) {
	fmt.Fprintf(w, "\n%s: %s (load %s)\n", o.Name, o.What, o.Load)
	shown := shownMetrics(o)
	titles := []string{""}
	for _, m := range shown {
		titles = append(titles, titleOf(m))
	}
	table := [][]string{titles}
	for _, r := range o.Peers {
		name := r.Peer
		if r.Peer != direct {
			name += " (" + r.Mode + ")"
		}
		table = append(table, row(name, shown, r.Sum))
	}
	for _, by := range []string{pgbouncer, direct} {
		if found := o.Ratios[postern+"/"+by]; found != nil {
			table = append(table, row(postern+" ÷ "+by, shown, found))
		}
	}
	if len(shown) > 0 {
		writeTable(w, table)
	}
	for _, note := range o.Notes {
		fmt.Fprintf(w, "  %s\n", note)
	}
}

// shownMetrics are those that any peer has.
func shownMetrics(o *outcome) (shown []metric) {
	for _, m := range metrics {
		for _, r := range o.Peers {
			if _, ok := r.Sum[m.metric]; ok {
				shown = append(shown, m.metric)
				break
			}
		}
	}
	return shown
}

func titleOf(wanted metric) string {
	for _, m := range metrics {
		if m.metric == wanted {
			return m.title
		}
	}
	return string(wanted)
}

// row is the name and a cell for each metric.
func row(name string, shown []metric, sum map[metric]spread) []string {
	cells := []string{name}
	for _, m := range shown {
		text := "–"
		if s, ok := sum[m]; ok {
			text = s.String()
		}
		cells = append(cells, text)
	}
	return cells
}

// writeTable writes rows of as many cells, the first to the left.
func writeTable(w io.Writer, table [][]string) {
	widths := make([]int, len(table[0]))
	for _, cells := range table {
		for i, cell := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, cells := range table {
		fmt.Fprintf(w, "  %-*s", widths[0], cells[0])
		for i, cell := range cells[1:] {
			fmt.Fprintf(w, "  %*s", widths[i+1], cell)
		}
		fmt.Fprintln(w)
	}
}

// String is the median, with least and most.
func (s spread) String() string {
	if s.N == 1 {
		return number(s.Median)
	}
	return fmt.Sprintf("%s (%s–%s)", number(s.Median), number(s.Min), number(s.Max))
}

// number writes a figure with about three digits that mean something.
func number(x float64) string {
	digits := 2
	switch size := math.Abs(x); {
	case size >= 100:
		digits = 0
	case size >= 10:
		digits = 1
	}
	return strconv.FormatFloat(x, 'f', digits, 64)
}

// writeVerdicts prints targets, each with what was seen of it.
func writeVerdicts(w io.Writer, title string, verdicts []verdict) {
	fmt.Fprintf(w, "\n%-4s %-34s %6s %6s %-20s %s\n", "", title, "bar", "goal", "seen", "")
	for _, v := range verdicts {
		sign, goal, seen, what := "≤", "", "", v.What
		if v.Least {
			sign = "≥"
		}
		if v.Goal != 0 {
			goal = number(v.Goal)
		}
		if v.Seen != nil {
			seen = v.Seen.String()
		}
		if v.Absolute {
			what += " *"
		}
		fmt.Fprintf(w, "%-4s %-34s %6s %6s %-20s %s\n", v.Line, what, sign+number(v.Bar), goal, seen, v.Word)
	}
}

// writeSummary prints the targets, and what all of it was measured with.
func writeSummary(w io.Writer, r *result) {
	writeVerdicts(w, "ratios to PgBouncer; * absolute", r.Targets)
	o := r.Options
	fmt.Fprintf(w, "\nPostgreSQL %s, PgBouncer %s, Postern with engine %s, Go %s\n",
		r.Versions["postgresql"], cmp.Or(r.Versions[pgbouncer], "not found"), cmp.Or(o.Engine, "by default"), r.Machine.Go)
	fmt.Fprintf(w, "%s, %d cores, Linux %s; load when it began %s\n", r.Machine.CPU, r.Machine.Cores, r.Machine.Kernel, r.Machine.Load)
	fmt.Fprintf(w, "%d rounds of %d s, pool of %d, PostgreSQL by %s, scale %d; median (least–most), ratios within a round\n",
		o.Runs, o.Seconds, o.Pool, o.Backend, o.Scale)
	switch tracer := r.Versions["tracer"]; tracer {
	case "":
		fmt.Fprintln(w, "system calls not measured: neither perf nor strace was tried, or works here")
	case "strace":
		fmt.Fprintln(w, "system calls counted by strace, which slows a proxy down so much that it makes more of them: trust perf only")
	default:
		fmt.Fprintf(w, "system calls counted by %s\n", tracer)
	}
	fmt.Fprintln(w, "allocations per message not measured here: `go test -bench` of the packages counts them")
}
