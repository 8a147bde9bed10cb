package main

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	const rest = " S 17 42 42 0 -1 4194304 100 0 0 0 30 10 0 0 20 0 8 0 12345 1000 200"
	got, err := parseStat("42 (odd) name (x)" + rest)
	if want := (stat{state: "S", parent: 17, user: 30, system: 10}); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if share := got.userShare(time.Second); share != 750*time.Millisecond {
		t.Errorf("user share is %v", share)
	}
	if share := (stat{}).userShare(time.Second); share != 0 {
		t.Errorf("user share without a tick is %v", share)
	}
	for _, bad := range []string{"", "42 (x", "42 (x) S 17 42", "42 (x) S a" + rest} {
		if got, err := parseStat(bad); err == nil {
			t.Errorf("%q: %+v", bad, got)
		}
	}
}

func TestParseKiB(t *testing.T) {
	t.Parallel()
	const text = "5581-7fff [rollup]\nRss:   2048 kB\nPss:      1000 kB\nPss_Dirty:  7 kB\n"
	if got, err := parseKiB(text, "Pss:"); err != nil || got != 1000<<10 {
		t.Errorf("%d, %v", got, err)
	}
	if got, err := parseKiB(text, "VmRSS:"); err == nil {
		t.Errorf("%d", got)
	}
}

// This process has used some CPU and some memory.
func TestConsumed(t *testing.T) {
	t.Parallel()
	before, err := consumed(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for i, sum := 0, 0; i < 1e7; i++ {
		sum += i
	}
	after, err := consumed(os.Getpid())
	if used := after.since(before); err != nil || used.total <= 0 {
		t.Errorf("used %+v, %v", used, err)
	}
	if bytes, err := memory(os.Getpid()); err != nil || bytes < 1<<20 {
		t.Errorf("%d bytes, %v", bytes, err)
	}
}

func TestFirstCPU(t *testing.T) {
	t.Parallel()
	var all unix.CPUSet
	all.Set(3)
	all.Set(700)
	if got := firstCPU(&all); got.Count() != 1 || !got.IsSet(3) {
		t.Errorf("first CPU is %v", got)
	}
}
