package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// measured is a result with three scenarios.
func measured() *result {
	r := &result{Versions: map[string]string{"postgresql": "15.18 (Debian <1>)", pgbouncer: "1.18.0"}}
	for _, o := range []outcome{
		{Name: "select-simple-c32", Plot: 32, Peers: []reading{
			{Peer: direct, Mode: "none", Samples: []sample{{perSecond: 100}, {perSecond: 120}}},
			{Peer: pgbouncer, Mode: "transaction", Samples: []sample{{perSecond: 50, cpu: 20}, {perSecond: 60, cpu: 20}}},
			{Peer: postern, Mode: "transaction", Samples: []sample{{perSecond: 55, cpu: 20, userTime: 2}, {perSecond: 66, cpu: 21, userTime: 2}}},
		}},
		{Name: "select-simple-c1", Plot: 1, Peers: []reading{
			{Peer: pgbouncer, Samples: []sample{{cpu: 30, perSecond: 7}}},
			{Peer: postern, Samples: []sample{{cpu: 45, perSecond: 5}}},
		}},
		{Name: "idle-10000", Peers: []reading{{Peer: pgbouncer, Samples: []sample{{clientBytes: 1000}}}}, Notes: []string{"postern: it ended"}},
		{Name: "copy-out", Peers: []reading{
			{Peer: pgbouncer, Samples: []sample{{megabytes: 400}}}, {Peer: postern, Samples: []sample{{megabytes: 500}}},
		}},
	} {
		o.sumUp()
		r.Scenarios = append(r.Scenarios, o)
	}
	r.Targets = judge(r)
	return r
}

func TestJudge(t *testing.T) {
	t.Parallel()
	r := measured()
	if len(r.Targets) != len(targets) {
		t.Fatalf("%d verdicts on %d targets", len(r.Targets), len(targets))
	}
	words := map[string]string{}
	for i, target := range targets {
		words[target.line+" "+target.scenario+" "+string(target.metric)] = r.Targets[i].Word
	}
	for target, want := range map[string]string{
		"P1 select-simple-c32 cpu_us":     "met",     // 1.025
		"P2 select-simple-c32 per_second": "met",     // 1.1
		"P13 select-simple-c32 user_us":   "met",     // itself
		"P5 copy-out mb_per_s":            "not met", // 1.25
		"P5 copy-out cpu_s_per_gb":        "not measured",
		"P7 idle-10000 client_bytes":      "not measured",
		"P1 select-simple-c64 cpu_us":     "not measured",
	} {
		if words[target] != want {
			t.Errorf("%s: %q, want %q", target, words[target], want)
		}
	}
	better := target{bar: 1.05, goal: .8}
	if word := better.word(.8); word != "goal" {
		t.Errorf("at the goal: %q", word)
	}
}

// Every target is about a scenario that is there.
func TestTargetsHaveScenarios(t *testing.T) {
	t.Parallel()
	names := map[string]bool{"": true}
	for _, s := range scenariosFor(options{Pool: 20, CopySize: 1e9, Syscalls: true}) {
		if names[s.name] {
			t.Errorf("two scenarios %s", s.name)
		}
		names[s.name] = true
	}
	for _, target := range targets {
		if !names[target.scenario] {
			t.Errorf("%s is about %q", target.line, target.scenario)
		}
	}
}

// What -o json writes can be shown later as it was shown then.
func TestResultIsKept(t *testing.T) {
	t.Parallel()
	r := measured()
	var kept bytes.Buffer
	if err := writeJSON(&kept, r); err != nil {
		t.Fatal(err)
	}
	var again result
	if err := json.Unmarshal(kept.Bytes(), &again); err != nil {
		t.Fatal(err)
	}
	show := func(r *result) string {
		var w strings.Builder
		for i := range r.Scenarios {
			writeOutcome(&w, &r.Scenarios[i])
		}
		writeSummary(&w, r)
		return w.String()
	}
	text := show(r)
	if other := show(&again); other != text {
		t.Errorf("then\n%s\nlater\n%s", text, other)
	}
	for _, want := range []string{"postern ÷ pgbouncer", "1.10 (1.10–1.10)", "postern: it ended", "not met"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

func TestPlotIsXML(t *testing.T) {
	t.Parallel()
	var svg bytes.Buffer
	if err := writePlot(&svg, measured()); err != nil {
		t.Fatal(err)
	}
	text := svg.String()
	if lines := strings.Count(text, "<polyline"); lines != 4 {
		t.Errorf("%d curves", lines)
	}
	decoder := xml.NewDecoder(&svg)
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
	}
	if err := writePlot(io.Discard, &result{}); err == nil {
		t.Error("a plot of nothing")
	}
}

func TestNiceStep(t *testing.T) {
	t.Parallel()
	for most, want := range map[float64]float64{0: 1, 20: 5, 55: 10, 12: 2, 17000: 5000, .9: .2} {
		if got := niceStep(most); got < want*.999 || got > want*1.001 {
			t.Errorf("%g: %g, want %g", most, got, want)
		}
	}
}
