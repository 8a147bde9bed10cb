package main

import (
	"slices"
	"strings"
	"testing"
)

func TestParsePgbench(t *testing.T) {
	t.Parallel()
	const output = `pgbench (15.18 (Debian 15.18-0+deb12u1))
transaction type: <builtin: select only>
scaling factor: 10
query mode: simple
number of clients: 32
number of threads: 2
maximum number of tries: 1
duration: 3 s
number of transactions actually processed: 51234
number of failed transactions: 0 (0.000%)
latency average = 1.873 ms
initial connection time = 141.501 ms
tps = 17081.270318 (without initial connection time)
`
	got, err := parsePgbench(output)
	if want := (pgbenchResult{51234, 17081.270318}); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for name, bad := range map[string]string{
		"failed":    strings.Replace(output, "failed transactions: 0", "failed transactions: 3", 1),
		"none":      strings.Replace(output, "processed: 51234", "processed: 0", 1),
		"cut":       output[:300],
		"empty":     "",
		"other tps": strings.Replace(output, "without initial", "including", 1),
	} {
		if got, err := parsePgbench(bad); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestParseLog(t *testing.T) {
	t.Parallel()
	got, err := parseLog(strings.NewReader("0 199 2241 0 1175850568 995598\n1 20 79 0 1175850568 998079 12\n"))
	if err != nil || !slices.Equal(got, latencies{2241, 79}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"0 199\n", "0 199 failed 0\n"} {
		if got, err := parseLog(strings.NewReader(bad)); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}
