package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen before it fails.
const patience = 30 * time.Second

// eventually waits until the condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// alive reports whether a process runs; a zombie does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	// "123 (name) S …"; the name may hold anything.
	end := bytes.LastIndexByte(stat, ')')
	return end > 0 && end+2 < len(stat) && stat[end+2] != 'Z' && stat[end+2] != 'X'
}

// processesOf lists the processes with a directory, or something below it, in
// their command line: pid and command line.
func processesOf(t testing.TB, dir string) map[int]string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]string{}
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(line, []byte(dir)) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && alive(pid) {
			found[pid] = strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

// postgresOf lists the processes of the tenants' and the catalog's instances.
func postgresOf(t testing.TB, dir string) map[int]string {
	t.Helper()
	found := processesOf(t, dir)
	for pid := range found {
		if name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err != nil || string(name) != "postgres\n" {
			delete(found, pid)
		}
	}
	return found
}

// endProcesses reports what still works in a directory, and ends it.
func endProcesses(t testing.TB, dir string) {
	t.Helper()
	for pid, line := range processesOf(t, dir) {
		t.Errorf("left behind: process %d: %s", pid, line)
		_ = syscall.Kill(pid, syscall.SIGQUIT)
		_ = syscall.Kill(pid, syscall.SIGCONT) // should it be frozen
	}
	eventually(t, "no process is left in "+dir, func() bool { return len(processesOf(t, dir)) == 0 })
}
