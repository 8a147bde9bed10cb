package main

import "fmt"

// wakeTarget is a bar for what `bench wake` measures: a ratio to B, if not
// absolute.
type wakeTarget struct {
	target
	// seen finds the figure that counts; false where it was not measured.
	seen func(r *wakeResult) (spread, bool)
	// why says what is missing where it cannot be measured.
	why string
}

// wakeTargets in their order.
func wakeTargets(r *wakeResult) []wakeTarget {
	return []wakeTarget{
		{target: target{line: "W1", what: "asleep, first row: p50", bar: 1.25, goal: 1 + 3/r.base()}, seen: overBase(&r.Wake)},
		{target: target{line: "W1", what: "asleep, first row: p99", bar: 1.8}, seen: tailOverBase(&r.Wake)},
		{target: target{line: "W2", what: "frozen, first row", bar: .2, goal: .05}, seen: overBase(&r.Thaw)},
		{target: target{line: "W3", what: "create, first row: warm spare", bar: .5, goal: .3}, seen: overBase(&r.CreateSpare), why: "-spares"},
		{target: target{line: "W3", what: "create, first row: prepared clone", bar: 1.4, goal: 1.2}, seen: overBase(&r.CreatePrepared), why: "-prepared"},
		{target: target{line: "W3", what: "create, first row: from nothing", bar: 2.5, goal: 2}, seen: overBase(&r.Create)},
		{target: target{line: "W4", what: fmt.Sprintf("%d at once, to their CPU ÷ cores", r.Options.Crowd), bar: 1.3, goal: 1.1}, seen: func(r *wakeResult) (spread, bool) {
			return r.Storm.over(r.stormLeast()), len(r.Storm.Millis) > 0
		}},
		{target: target{line: "W4", what: "failed there", absolute: true}, seen: func(r *wakeResult) (spread, bool) {
			return once(float64(r.StormFailed)), len(r.Storm.Millis) > 0
		}},
		{target: target{line: "W5", what: "suspend of an idle tenant", bar: 1.2}, seen: overBase(&r.Suspend)},
		{target: target{line: "W6", what: "first row behind kill -9", bar: 15}, seen: overBase(&r.Recovery)},
		{target: target{line: "W7", what: "awake and idle: MiB", absolute: true, bar: 10}, seen: func(r *wakeResult) (spread, bool) {
			return once(r.Awake.MiB), r.Awake.Tenants > 0
		}},
		{target: target{line: "W7", what: "awake and idle: CPU, ms/s", absolute: true, bar: .1}, seen: func(r *wakeResult) (spread, bool) {
			return once(r.Awake.CPU), r.Awake.Tenants > 0
		}},
		{target: target{line: "W8", what: "asleep: KiB in Postern", absolute: true, bar: 2, goal: .5}, seen: func(r *wakeResult) (spread, bool) {
			return once(r.usedKiB()), r.CrowdAsleep.Heap > 0
		}},
		{target: target{line: "W8", what: fmt.Sprintf("CPU of Postern, %d asleep, ms/s", r.Options.Crowd+r.Options.Records), absolute: true, bar: measurableCPU}, seen: func(r *wakeResult) (spread, bool) {
			return once(r.AllAsleep.CPU), r.AllAsleep.Heap > 0
		}},
	}
}

// measurableCPU is about what a Postern uses that has no tenant at all, in
// milliseconds a second.
const measurableCPU = .5

// judgeWake holds a result against the targets.
func judgeWake(r *wakeResult) []verdict {
	var verdicts []verdict
	for _, t := range wakeTargets(r) {
		v := verdict{Line: t.line, What: t.what, Absolute: t.absolute, Bar: t.bar, Goal: t.goal, Word: "not measured"}
		if t.why != "" {
			v.Word += ": " + t.why
		}
		if t.seen != nil {
			if seen, ok := t.seen(r); ok {
				v.Seen, v.Word = &seen, t.word(seen.Median)
			}
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

// once is a figure that was measured once.
func once(figure float64) spread { return spreadOf([]float64{figure}) }

// overBase is a series' median by B.
func overBase(s *series) func(*wakeResult) (spread, bool) {
	return func(r *wakeResult) (spread, bool) { return s.over(r.base()), len(s.Millis) > 0 }
}

// tailOverBase is a series' p99 by B's p50.
func tailOverBase(s *series) func(*wakeResult) (spread, bool) {
	return func(r *wakeResult) (spread, bool) { return once(s.quantile(.99) / r.base()), len(s.Millis) > 0 }
}
