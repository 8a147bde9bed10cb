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

// woken is a result of which some was measured.
func woken() *wakeResult {
	r := &wakeResult{
		PostgreSQL: "18.1 (<1>)", Machine: machine{Cores: 2, Load: "0.10 0.20 0.30"}, Options: wakeOptions{Crowd: 10, Records: 5},
		ByHand:      series{Name: "by hand", Millis: []float64{38, 40, 42}},
		Create:      series{Name: "create", Millis: []float64{120}},
		Wake:        series{Name: "wake", Millis: []float64{42, 41, 43, 80}},
		Thaw:        series{Name: "thaw", Millis: []float64{2, 3, 4}},
		WakeCPU:     series{Millis: []float64{20}},
		Storm:       series{Millis: []float64{120}},
		Recovery:    series{Millis: []float64{100}},
		Awake:       idleTenants{Tenants: 10, MiB: 11, CPU: .1},
		HalfAsleep:  idlePostern{Heap: 1 << 20, CPU: 1},
		AllAsleep:   idlePostern{Heap: 2 << 20, CPU: .3},
		Crowds:      []crowdWakes{{1, series{Millis: []float64{42}}}, {2, series{Millis: []float64{50, 60}}}},
		StormFailed: 1,
	}
	r.CrowdAsleep = idlePostern{Heap: r.HalfAsleep.Heap + 10<<10}
	r.Targets = judgeWake(r)
	return r
}

func TestJudgeWake(t *testing.T) {
	t.Parallel()
	words := map[string]string{}
	for _, v := range woken().Targets {
		words[v.Line+" "+v.What] = v.Word
	}
	for what, want := range map[string]string{
		"W1 asleep, first row: p50":            "goal",    // 42.5 ms, B + 3 ms is 43
		"W1 asleep, first row: p99":            "not met", // 2
		"W2 frozen, first row":                 "met",     // 3 ms of 8
		"W3 create, first row: prepared clone": "not measured: -prepared",
		"W3 create, first row: from nothing":   "not met", // 3
		"W4 10 at once, to their CPU ÷ cores":  "met",     // 120 ms to 100
		"W4 failed there":                      "not met",
		"W5 suspend of an idle tenant":         "not measured",
		"W6 first row behind kill -9":          "met",
		"W7 awake and idle: MiB":               "not met",
		"W7 awake and idle: CPU, ms/s":         "met",
		"W8 asleep: KiB in Postern":            "met",
		"W8 CPU of Postern, 15 asleep, ms/s":   "met",
		"W3 create, first row: warm spare":     "not measured: -spares",
	} {
		if words[what] != want {
			t.Errorf("%s: %q, want %q", what, words[what], want)
		}
	}
}

// Nothing measured yet is no reason to fail, and what is printed can be read.
func TestWakeResultIsWritten(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	writeWakeResult(&text, woken())
	for _, want := range []string{"W2", "not measured: -spares", "10 × 20.0 ms of CPU ÷ 2 cores = 100 ms; 1 failed", "≤1.25"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, text.String())
		}
	}
	if _, err := json.Marshal(woken()); err != nil {
		t.Error(err)
	}
}

func TestWakePlotIsXML(t *testing.T) {
	t.Parallel()
	var svg bytes.Buffer
	if err := writeWakePlot(&svg, woken()); err != nil {
		t.Fatal(err)
	}
	text := svg.String()
	if lines := strings.Count(text, "<polyline"); lines != 3 {
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
	if err := writeWakePlot(io.Discard, &wakeResult{}); err == nil {
		t.Error("a plot of nothing")
	}
}

func TestWakeOptions(t *testing.T) {
	t.Parallel()
	o, err := parseWakeOptions([]string{"-quick", "-n", "7"}, io.Discard)
	if err != nil || o.N != 7 || o.Crowd != 20 {
		t.Errorf("%+v, %v", o, err)
	}
	for _, bad := range [][]string{{"-n", "0"}, {"-records", "-1"}, {"-o", "xml"}, {"wake"}, {"-nonsense"}} {
		if o, err := parseWakeOptions(bad, io.Discard); err == nil {
			t.Errorf("%v: %+v", bad, o)
		}
	}
}
