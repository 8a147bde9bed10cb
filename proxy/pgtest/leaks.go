package pgtest

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// leakPatience is how long what is ending may take to end.
const leakPatience = 10 * time.Second

// NoLeaks reports goroutines and file descriptors that are there when the test
// ends and were not when NoLeaks was called: call it first, so that it looks
// last. A test that calls it must not be parallel, nor run beside one that is,
// since what others have open cannot be told apart.
func NoLeaks(t testing.TB) {
	t.Helper()
	goroutines, descriptors := goroutines(), descriptors()
	t.Cleanup(func() {
		if t.Failed() {
			return // what is left is a consequence
		}
		for _, leak := range leaks(goroutines, descriptors) {
			t.Errorf("left behind: %s", leak)
		}
	})
}

// leaks waits until nothing is left, and lists what is for too long.
func leaks(goroutinesBefore, descriptorsBefore map[string]string) []string {
	for deadline := time.Now().Add(leakPatience); ; time.Sleep(10 * time.Millisecond) {
		left := leaksNow(goroutinesBefore, descriptorsBefore)
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
	}
}

// leaksNow lists what is there now and was not before.
func leaksNow(goroutinesBefore, descriptorsBefore map[string]string) []string {
	var left []string
	now := goroutines()
	for _, id := range slices.Sorted(maps.Keys(now)) {
		if _, old := goroutinesBefore[id]; !old {
			left = append(left, now[id])
		}
	}
	now = descriptors()
	for _, number := range slices.Sorted(maps.Keys(now)) {
		if descriptorsBefore[number] != now[number] { // numbers are used again
			left = append(left, fmt.Sprintf("descriptor %s: %s", number, now[number]))
		}
	}
	return left
}

// goroutines are the stacks of all by id, without those of package testing and
// of the runtime.
func goroutines() map[string]string {
	buffer := make([]byte, 1<<16)
	for {
		n := runtime.Stack(buffer, true)
		if n < len(buffer) {
			buffer = buffer[:n]
			break
		}
		buffer = make([]byte, 2*len(buffer))
	}
	found := map[string]string{}
	for stack := range strings.SplitSeq(string(buffer), "\n\n") {
		id, _, ok := strings.Cut(stack, " [")
		if !ok || !strings.Contains(stack, "created by ") || strings.Contains(stack, "created by testing.") ||
			strings.Contains(stack, "created by runtime.") || strings.Contains(stack, "created by os/signal.") {
			continue
		}
		found[id] = stack
	}
	return found
}

// descriptors are the open files by number, without what the runtime keeps.
func descriptors() map[string]string {
	const dir = "/proc/self/fd"
	found := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return found // not Linux: goroutines have to do
	}
	for _, entry := range entries {
		name, err := os.Readlink(dir + "/" + entry.Name())
		if err != nil || name == "anon_inode:[eventpoll]" || name == "anon_inode:[eventfd]" {
			continue // gone already (the directory itself), or the runtime's
		}
		found[entry.Name()] = name
	}
	return found
}
