package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// EndLeftovers ends what a postmaster that was killed has left: processes of
// the same user that work in the data directory. While there is a postmaster it
// does nothing. It never removes postmaster.pid, in which the next postmaster
// finds the shared memory of the last one.
func (c *Cluster) EndLeftovers(ctx context.Context) error {
	if c.stoppedCleanly() {
		return nil
	}
	i, _, err := c.postmaster()
	if err != nil {
		return err
	}
	if i != nil {
		i.Release()
		return nil
	}
	if err := c.endWorkers(ctx); err != nil {
		return err
	}
	if err := c.markStale(c.DataDir, "postmaster.pid"); err != nil {
		return err
	}
	return c.markStale(c.SocketDir, filepath.Base(c.SocketPath())+".lock")
}

// stoppedCleanly reports whether the last postmaster ended in order, so that
// nothing can be left: it has removed postmaster.pid and noted its shutdown.
// That spares looking at every process of the machine at each start.
func (c *Cluster) stoppedCleanly() bool {
	if _, err := os.Stat(c.DataDir + "/postmaster.pid"); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	control, err := readControl(c.DataDir)
	return err == nil && control.shutDown()
}

// endWorkers ends the processes of the data directory, first as a postmaster
// would, then with SIGKILL. Those that were frozen go on for that.
func (c *Cluster) endWorkers(ctx context.Context) error {
	dataDir, err := os.Stat(c.DataDir)
	if err != nil {
		return fmt.Errorf("end leftovers: %w", err)
	}
	signal := unix.SIGQUIT
	every := time.NewTicker(5 * time.Millisecond)
	defer every.Stop()
	patience := time.After(time.Second)
	for {
		pids, err := workers(c.User.uid(), dataDir)
		if err != nil {
			return fmt.Errorf("end leftovers: %w", err)
		}
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			for _, s := range []unix.Signal{signal, unix.SIGCONT} {
				if err := unix.Kill(pid, s); err != nil && !errors.Is(err, unix.ESRCH) {
					return fmt.Errorf("end leftover process %d: %w", pid, err)
				}
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("end leftover processes %v: %w", pids, ctx.Err())
		case <-patience:
			signal = unix.SIGKILL
		case <-every.C:
		}
	}
}

// markStale makes Postgres take a lock file for what it is: one that a dead
// postmaster has left. Postgres itself refuses to start if its process number
// is in use again, by whatever process of the user, as is usual when a container
// starts anew and all numbers repeat; or still in use, by a zombie whose parent
// has not waited for it. So the number becomes this process's own,
// which Postgres, as its child, knows to be none of a postmaster; the rest of
// the file, and what Postgres checks by it, stays.
func (c *Cluster) markStale(dirName, name string) error {
	dir, err := os.OpenRoot(dirName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("mark %s stale: %w", name, err)
	}
	defer dir.Close()
	b, err := dir.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("mark %s stale: %w", name, err)
	}
	number, rest, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil || errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
		return nil // Postgres knows what to do with it
	}
	if err := c.User.WriteFile(dir, name, strconv.Itoa(os.Getpid())+"\n"+rest); err != nil {
		return fmt.Errorf("mark %s stale: %w", name, err)
	}
	return nil
}
