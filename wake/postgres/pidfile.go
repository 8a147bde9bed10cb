package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// pidFile is what a postmaster says of itself in postmaster.pid.
type pidFile struct {
	pid       int
	startedAt time.Time
	status    string // "starting", "ready", "standby", "stopping", or "" at first
}

// readPIDFile reads <data directory>/postmaster.pid. The error is
// fs.ErrNotExist where there is none: the last postmaster ended cleanly.
func readPIDFile(dataDir string) (pidFile, error) {
	b, err := os.ReadFile(filepath.Join(dataDir, "postmaster.pid"))
	if err != nil {
		return pidFile{}, err
	}
	return parsePIDFile(string(b))
}

// parsePIDFile takes a file that is still being written for what it is: lines
// that are not there yet are left at zero.
func parsePIDFile(s string) (pidFile, error) {
	line := func(number int) string {
		all := strings.Split(s, "\n")
		if number > len(all) {
			return ""
		}
		return strings.TrimSpace(all[number-1])
	}
	var p pidFile
	if line(1) == "" {
		return p, nil
	}
	pid, err := strconv.Atoi(line(1))
	if err != nil {
		return p, fmt.Errorf("parse postmaster.pid: process id: %w", err)
	}
	p.pid = max(pid, -pid) // negative for a stand-alone backend
	if line(3) != "" {
		seconds, err := strconv.ParseInt(line(3), 10, 64)
		if err != nil {
			return p, fmt.Errorf("parse postmaster.pid: start time: %w", err)
		}
		p.startedAt = time.Unix(seconds, 0)
	}
	p.status = line(8)
	return p, nil
}

// accepts reports whether clients are let in.
func (p pidFile) accepts() bool { return p.status == "ready" || p.status == "standby" }
