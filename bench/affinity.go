package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// firstCPU is the set of the first CPU of a set.
func firstCPU(of *unix.CPUSet) (first unix.CPUSet) {
	for cpu := range 8 * len(of) * 8 {
		if of.IsSet(cpu) {
			first.Set(cpu)
			break
		}
	}
	return first
}

// pin ties a process, its children and all their threads to the first CPU and
// returns what undoes it.
func pin(pid int) (undo func(), err error) {
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(pid, &before); err != nil {
		return nil, fmt.Errorf("read affinity: %w", err)
	}
	first := firstCPU(&before)
	if err := setAffinity(pid, &first); err != nil {
		return nil, fmt.Errorf("set affinity: %w", err)
	}
	return func() { setAffinity(pid, &before) }, nil
}

// setAffinity sets it for a process and its children. What ends meanwhile is
// left alone.
func setAffinity(pid int, cpus *unix.CPUSet) error {
	if err := unix.SchedSetaffinity(pid, cpus); err != nil {
		return err
	}
	for _, process := range append(children(pid), pid) {
		for _, thread := range threads(process) {
			_ = unix.SchedSetaffinity(thread, cpus)
		}
	}
	return nil
}

// threads lists the threads of a process.
func threads(pid int) []int {
	return numbers(filepath.Join("/proc", strconv.Itoa(pid), "task"))
}

// children lists the processes that these processes have started themselves.
func children(of ...int) (found []int) {
	for _, candidate := range numbers("/proc") {
		text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(candidate), "stat"))
		if err != nil {
			continue // it is gone
		}
		if s, err := parseStat(string(text)); err == nil && slices.Contains(of, s.parent) {
			found = append(found, candidate)
		}
	}
	return found
}

// numbers lists the entries of a directory that are numbers.
func numbers(dir string) (found []int) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if n, err := strconv.Atoi(entry.Name()); err == nil {
			found = append(found, n)
		}
	}
	return found
}
