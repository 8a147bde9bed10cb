package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// consumption is what a process has used since it began.
type consumption struct {
	total time.Duration // user and system time of all threads, also of those that ended
	user  time.Duration // part of total, as far as the kernel's ticks tell
}

// consumed reads what a process has used. Its CPU clock counts nanoseconds; the
// ticks of its stat file only divide them into user and system time.
func consumed(pid int) (consumption, error) {
	var ts unix.Timespec
	const schedClock = 2 // CPUCLOCK_SCHED of the kernel's posix-timers.h
	if err := unix.ClockGettime(int32(^pid<<3|schedClock), &ts); err != nil {
		return consumption{}, fmt.Errorf("read CPU clock of process %d: %w", pid, err)
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return consumption{}, err
	}
	s, err := parseStat(string(text))
	if err != nil {
		return consumption{}, err
	}
	return consumption{total: time.Duration(ts.Nano()), user: s.userShare(time.Duration(ts.Nano()))}, nil
}

// since is what was used between two readings.
func (c consumption) since(before consumption) consumption {
	return consumption{total: c.total - before.total, user: c.user - before.user}
}

// stat is part of /proc/PID/stat, proc_pid_stat(5).
type stat struct {
	state        string // "Z" is a zombie
	parent       int
	user, system uint64 // ticks
}

// parseStat reads a stat file. The name in it may hold blanks and parentheses.
func parseStat(text string) (stat, error) {
	end := strings.LastIndexByte(text, ')')
	fields := strings.Fields(text[end+1:])
	if end < 0 || len(fields) < 13 {
		return stat{}, errors.New("read stat of process: too short")
	}
	s := stat{state: fields[0]}
	var err1, err2, err3 error
	s.parent, err1 = strconv.Atoi(fields[1])
	s.user, err2 = strconv.ParseUint(fields[11], 10, 64)
	s.system, err3 = strconv.ParseUint(fields[12], 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return stat{}, fmt.Errorf("read stat of process: %w", err)
	}
	return s, nil
}

// userShare is the part of total that was spent outside the kernel.
func (s stat) userShare(total time.Duration) time.Duration {
	if s.user+s.system == 0 {
		return 0
	}
	return time.Duration(float64(total) * float64(s.user) / float64(s.user+s.system))
}

// memory returns the bytes of memory that a process has for itself: its
// proportional set size, or what is resident where that is not to be had.
func memory(pid int) (int64, error) {
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid)); err == nil {
		return parseKiB(string(text), "Pss:")
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return parseKiB(string(text), "VmRSS:")
}

// parseKiB finds a line such as "Pss:  1234 kB" and returns bytes.
func parseKiB(text, name string) (int64, error) {
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == name && fields[2] == "kB" {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("read memory of process: no line %s", name)
}
