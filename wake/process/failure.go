package process

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"postern/wake"
	"postern/wake/postgres"
)

// startFailure says what an operator has to know of an instance that did not start. An
// error that may pass by itself is left as it is.
func (h home) startFailure(err error) error {
	var start *postgres.StartError
	started := errors.As(err, &start)
	failure := &wake.FailedError{Reason: err.Error(), Log: postgres.LogTail(h.logFile())}
	if started && start.Log != "" {
		failure.Log = start.Log
	}
	switch {
	case isFull(err), started && (start.DiskFull() || h.diskFull()): // then the log may say nothing
		failure.Reason = "the disk is full: " + failure.Reason
		failure.Hint = "Free space on the file system of " + h.dir + ", and wake the tenant."
	case !started:
		return err
	case start.Configuration():
		failure.Reason = "PostgreSQL refuses the tenant's settings: " + failure.Reason
		failure.Hint = "Correct the tenant's postgres settings, or wake.process.postgres."
	case start.SocketTaken():
		failure.Reason = "the tenant's socket is taken: " + failure.Reason
		failure.Hint = "End whoever uses " + postgres.SocketPath(h.socketDir, postgres.DefaultPort) + ", and wake the tenant."
	default:
		failure.Hint = "See its log (tenant logs), and wake the tenant."
	}
	return failure
}

// isFull reports whether there was no space to write.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// diskFull reports whether the file system of the data has no space that an account
// without privileges may use, or next to none.
func (h home) diskFull() bool {
	var s unix.Statfs_t
	return unix.Statfs(h.dir, &s) == nil && s.Bavail*uint64(s.Bsize) < 64<<10
}
