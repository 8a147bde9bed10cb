package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Freeze stops all processes of the instance where they are (SIGSTOP): they keep
// their memory and connections and use no CPU until Thaw. First the postmaster is
// stopped, so that nobody can come any more; then last is asked, which may still
// talk to a backend, and whose error gives it up; then the others are stopped. After
// an error all of them run on.
//
// Each process is held by a pidfd and known to be the postmaster's child before it is
// signalled, so that a number in use again never reaches a stranger.
func (i *Instance) Freeze(ctx context.Context, last func() error) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("freeze postmaster %d: %w", i.PID, err), i.resume())
		}
	}()
	if err := i.signal(unix.SIGSTOP); err != nil {
		return err
	}
	if err := poll(ctx, func() (bool, error) { return hasStopped(i.PID) }); err != nil {
		return err
	}
	if err := last(); err != nil {
		return err
	}
	return poll(ctx, i.stopChildren)
}

// stopChildren signals those that run, and reports whether there were none.
func (i *Instance) stopChildren() (none bool, err error) {
	pids, err := children(i.PID)
	if err != nil {
		return false, err
	}
	none = true
	for _, pid := range pids {
		if s, ok := statOf(pid); !ok || s.stopped() || s.ended() {
			continue
		}
		none = false
		if err := signalChild(pid, i.PID, unix.SIGSTOP); err != nil {
			return false, err
		}
	}
	return none, nil
}

// Thaw lets the processes of the instance go on, the postmaster last, so that a Thaw
// that was broken off still shows (Frozen). One that runs is left alone, and so is
// one that has ended.
func (i *Instance) Thaw() error {
	if !i.Frozen() {
		return nil
	}
	return i.resume()
}

func (i *Instance) resume() error {
	pids, err := children(i.PID)
	for _, pid := range pids {
		err = errors.Join(err, signalChild(pid, i.PID, unix.SIGCONT))
	}
	if sent := i.signal(unix.SIGCONT); !errors.Is(sent, unix.ESRCH) {
		err = errors.Join(err, sent)
	}
	if err != nil {
		return fmt.Errorf("thaw postmaster %d: %w", i.PID, err)
	}
	return nil
}

// Frozen reports whether the postmaster is stopped: the first of its processes to be
// so, and the last.
func (i *Instance) Frozen() bool {
	s, ok := statOf(i.PID)
	return ok && s.stopped()
}

// hasStopped reports whether the process has heeded a SIGSTOP.
func hasStopped(pid int) (bool, error) {
	s, ok := statOf(pid)
	if !ok || s.ended() {
		return false, os.ErrProcessDone
	}
	return s.stopped(), nil
}

// signalChild reaches a process only if parent is what it descends from. One that
// has ended meanwhile is none to reach.
func signalChild(pid, parent int, s unix.Signal) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err == nil {
		defer unix.Close(fd)
	}
	// Asked behind the pidfd, so that the answer is about the process it holds.
	if stat, ok := statOf(pid); !ok || stat.parent != parent {
		return nil
	}
	if err == nil {
		err = unix.PidfdSendSignal(fd, s, nil, 0)
	} else { // an old kernel
		err = unix.Kill(pid, s)
	}
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("signal process %d: %w", pid, err)
	}
	return nil
}

// poll asks until the answer is true or an error, or ctx ends. It is for what takes
// less than a millisecond.
func poll(ctx context.Context, done func() (bool, error)) error {
	every := time.NewTicker(200 * time.Microsecond)
	defer every.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-every.C:
		}
	}
}
