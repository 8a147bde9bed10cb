package pgtest

import (
	"os"
	"strings"
	"testing"
)

// Not parallel, as NoLeaks demands.
func TestNoLeaks(t *testing.T) {
	NoLeaks(t)
	c := Connect(t, Start(t, Config{}).Target("app", "app"))
	c.Query("select 1")
	c.ReadUntilReady()
	done := make(chan struct{})
	go func() { <-done }()
	t.Cleanup(func() { close(done) })
}

// Not parallel either.
func TestLeaksAreSeen(t *testing.T) {
	before, files := goroutines(), descriptors()
	there, release := make(chan struct{}), make(chan struct{})
	go stayBehind(there, release)
	<-there
	f, err := os.Open("leaks.go")
	if err != nil {
		t.Fatal(err)
	}
	now := strings.Join(leaksNow(before, files), "\n")
	if !strings.Contains(now, "stayBehind") || !strings.Contains(now, "leaks.go") {
		t.Errorf("a goroutine and a file are left behind, seen: %s", now)
	}
	close(release)
	f.Close()
	if left := leaks(before, files); len(left) > 0 {
		t.Errorf("nothing is left behind, seen: %s", left)
	}
}

func stayBehind(there, release chan struct{}) {
	close(there)
	<-release
}
