package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"
)

// StartError is a postmaster that ended while it started.
type StartError struct {
	// Log is the end of what it wrote.
	Log string
}

func (e *StartError) Error() string {
	return "postmaster ended while starting: " + reason(e.Log)
}

// reason is the last line of a log that says why, or else its last line.
func reason(log string) string {
	lines := strings.Split(log, "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.Contains(lines[i], "FATAL:") || strings.Contains(lines[i], "PANIC:") {
			return lines[i]
		}
	}
	return lines[len(lines)-1]
}

// Locked reports whether another process was the reason: postmaster.pid names
// one that lives.
func (e *StartError) Locked() bool {
	return strings.Contains(e.Log, `lock file "postmaster.pid" already exists`)
}

// Configuration reports whether a setting was the reason.
func (e *StartError) Configuration() bool {
	return strings.Contains(e.Log, "contains errors") || // "configuration file … contains errors"
		strings.Contains(e.Log, "unrecognized configuration parameter") ||
		strings.Contains(e.Log, "invalid value for parameter")
}

// DiskFull reports whether a full disk was the reason, as far as that could be written.
func (e *StartError) DiskFull() bool {
	return strings.Contains(e.Log, "No space left on device") || strings.Contains(e.Log, "Disk quota exceeded")
}

// SocketTaken reports whether somebody else's socket was the reason.
func (e *StartError) SocketTaken() bool {
	return strings.Contains(e.Log, `.lock" already exists`) || strings.Contains(e.Log, "could not create any Unix-domain sockets")
}

// Start starts the postmaster and returns when it lets clients in. The data
// directory must have no running one: ask Running and call EndLeftovers first.
// When the postmaster ends instead, the error is a *StartError. When ctx ends
// first, it goes on starting, for Running to find.
func (c *Cluster) Start(ctx context.Context) (*Instance, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start postmaster: %w", err)
	}
	log, err := c.openLog()
	if err != nil {
		return nil, err
	}
	defer log.Close()
	end, err := log.Seek(0, 2)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	signs, err := watchStart(c.DataDir, c.LogFile)
	if err == nil {
		defer signs.close()
	}
	pid, err := c.spawn(log)
	if err != nil {
		return nil, err
	}
	i, err := watch(pid)
	if err != nil {
		return nil, err
	}
	if err := c.awaitReady(ctx, i, logTail{path: c.LogFile, from: end}, signs); err != nil {
		i.Release()
		return nil, err
	}
	return i, nil
}

// openLog opens the log for appending and gives it to the user. The directory
// may be the user's own, so a symbolic link there is not followed.
func (c *Cluster) openLog() (*os.File, error) {
	f, err := os.OpenFile(c.LogFile, os.O_WRONLY|os.O_CREATE|os.O_APPEND|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	if c.User != (User{}) {
		if err := f.Chown(int(c.User.UID), int(c.User.GID)); err != nil {
			f.Close()
			return nil, fmt.Errorf("open log: %w", err)
		}
	}
	return f, nil
}

// spawn executes the postmaster. Nothing of it hangs on this process: it has a
// session of its own, and its output is a file.
func (c *Cluster) spawn(log *os.File) (pid int, err error) {
	attr, err := c.User.attributes()
	if err != nil {
		return 0, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, fmt.Errorf("start postmaster: %w", err)
	}
	defer null.Close()
	args := c.arguments()
	p, err := os.StartProcess(args[0], args, &os.ProcAttr{
		Dir: c.DataDir, Env: environment(), Files: []*os.File{null, log, log}, Sys: attr,
	})
	if err != nil {
		return 0, fmt.Errorf("start postmaster: %w", err)
	}
	pid = p.Pid
	return pid, p.Release() // watch reaps it
}

// awaitReady returns when the postmaster lets clients in: it has said so in the
// log, or in postmaster.pid where the log is set to be more silent or elsewhere.
// It does not leave for ctx before postmaster.pid is written, some milliseconds
// after the start: until then Running could not find it.
func (c *Cluster) awaitReady(ctx context.Context, i *Instance, log logTail, signs *startSigns) error {
	interval := time.Millisecond
	var changed <-chan struct{}
	if signs != nil {
		interval, changed = 50*time.Millisecond, signs.changed
	}
	every := time.NewTicker(interval)
	defer every.Stop()
	for {
		ready := log.says("database system is ready to accept connections")
		p, err := readPIDFile(c.DataDir)
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("start postmaster: %w", err)
		case p.pid == i.PID && (ready || p.accepts()):
			i.StartedAt = p.startedAt
			return nil
		}
		if p.pid == i.PID && ctx.Err() != nil {
			return fmt.Errorf("start postmaster %d: %w", i.PID, ctx.Err())
		}
		done := ctx.Done()
		if p.pid != i.PID {
			done = nil
		}
		select {
		case <-i.Gone():
			return &StartError{Log: log.read(logTailSize)}
		case <-done:
		case <-changed:
		case <-every.C:
		}
	}
}
