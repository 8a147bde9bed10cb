package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Mode is how a postmaster is asked to stop.
type Mode syscall.Signal

// The two ways to stop that Postern uses. Smart shutdown waits for clients for
// as long as they like, so it is not among them.
const (
	// Fast ends every session with 57P01, writes a checkpoint and exits.
	Fast = Mode(syscall.SIGINT)
	// Immediate exits at once; the next start recovers from the WAL.
	Immediate = Mode(syscall.SIGQUIT)
)

// Instance is a running postmaster, started here or found. It does not end
// with this process. Release it when it is no longer of interest.
type Instance struct {
	PID int
	// StartedAt is the postmaster's own start time in whole seconds, the same
	// for everybody who looks at this instance.
	StartedAt time.Time

	process  *os.File // pidfd, nil where the kernel gives none
	gone     chan struct{}
	watching sync.WaitGroup
	released chan struct{}
	release  func()
}

// watch returns an Instance for a living process.
func watch(pid int) (*Instance, error) {
	i := &Instance{PID: pid, gone: make(chan struct{}), released: make(chan struct{})}
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	switch {
	case err == nil:
		i.process = os.NewFile(uintptr(fd), "pidfd")
	case errors.Is(err, unix.ESRCH):
		return nil, fmt.Errorf("watch process %d: %w", pid, os.ErrProcessDone)
	}
	i.release = sync.OnceFunc(func() {
		close(i.released)
		if i.process != nil {
			i.process.Close()
		}
	})
	i.watching.Go(i.wait)
	return i, nil
}

// Gone is closed when the process has ended, unless it was released before.
func (i *Instance) Gone() <-chan struct{} { return i.gone }

// Release stops watching the process, which goes on.
func (i *Instance) Release() {
	i.release()
	i.watching.Wait()
}

// Stop asks the postmaster to stop and waits until it is gone; a frozen one is thawed
// for that. When ctx ends first, the postmaster goes on stopping.
func (i *Instance) Stop(ctx context.Context, mode Mode) error {
	if err := i.Thaw(); err != nil {
		return err
	}
	if err := i.signal(syscall.Signal(mode)); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("stop postmaster %d: %w", i.PID, err)
	}
	select {
	case <-i.gone:
		return nil
	case <-i.released:
		select {
		case <-i.gone: // which releases it too
			return nil
		default:
			return fmt.Errorf("stop postmaster %d: released", i.PID)
		}
	case <-ctx.Done():
		return fmt.Errorf("stop postmaster %d: %w", i.PID, ctx.Err())
	}
}

// signal reaches this very process, even if its number were used again.
func (i *Instance) signal(s syscall.Signal) error {
	if i.process == nil {
		return unix.Kill(i.PID, s)
	}
	conn, err := i.process.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	if err := conn.Control(func(fd uintptr) { sent = unix.PidfdSendSignal(int(fd), s, nil, 0) }); err != nil {
		return err
	}
	return sent
}

// wait closes gone when the process has ended, and reaps it if it is a child.
func (i *Instance) wait() {
	if !i.waitHandle() && !i.waitPolling() {
		return
	}
	unix.Wait4(i.PID, nil, unix.WNOHANG, nil) // no child: nothing to reap
	close(i.gone)
	i.release()
}

// waitHandle waits on the pidfd; false if that cannot be done or was ended.
func (i *Instance) waitHandle() bool {
	if i.process == nil {
		return false
	}
	conn, err := i.process.SyscallConn()
	if err != nil {
		return false
	}
	return conn.Read(func(fd uintptr) bool {
		ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(ready, 0)
		return err == nil && n == 1
	}) == nil
}

// waitPolling looks again and again; false if it was released.
func (i *Instance) waitPolling() bool {
	every := time.NewTicker(10 * time.Millisecond)
	defer every.Stop()
	for alive(i.PID) {
		select {
		case <-i.released:
			return false
		case <-every.C:
		}
	}
	return true
}
