package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Running returns the postmaster of the data directory, whoever started it, or
// nil if there is none. One that is still starting is waited for; of one that
// is stopping the end is waited for, and nil returned. A frozen one is thawed.
func (c *Cluster) Running(ctx context.Context) (*Instance, error) {
	i, _, err := c.postmaster()
	if i == nil || err != nil {
		return nil, err
	}
	if err := i.Thaw(); err != nil {
		i.Release()
		return nil, fmt.Errorf("find postmaster: %w", err)
	}
	every := time.NewTicker(2 * time.Millisecond)
	defer every.Stop()
	for {
		p, err := readPIDFile(c.DataDir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			i.Release()
			return nil, fmt.Errorf("find postmaster: %w", err)
		}
		if p.pid == i.PID && p.accepts() {
			i.StartedAt = p.startedAt
			return i, nil
		}
		select {
		case <-i.Gone():
			return nil, nil
		case <-ctx.Done():
			i.Release()
			return nil, fmt.Errorf("find postmaster: %d is %s: %w", i.PID, p.status, ctx.Err())
		case <-every.C:
		}
	}
}

// Found returns the postmaster of the data directory in whatever state it is,
// or nil if there is none. It has no StartedAt.
func (c *Cluster) Found() (*Instance, error) {
	i, _, err := c.postmaster()
	return i, err
}

// PID returns the process id of the postmaster, ready or not, or 0.
func (c *Cluster) PID() int {
	i, _, err := c.postmaster()
	if i == nil || err != nil {
		return 0
	}
	i.Release()
	return i.PID
}

// postmaster returns the process that postmaster.pid names, if it is what the
// file says; nil if it is not.
func (c *Cluster) postmaster() (*Instance, pidFile, error) {
	p, err := readPIDFile(c.DataDir)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && p.pid == 0:
		return nil, p, nil
	case err != nil:
		return nil, p, fmt.Errorf("find postmaster: %w", err)
	}
	dataDir, err := os.Stat(c.DataDir)
	if err != nil {
		return nil, p, fmt.Errorf("find postmaster: %w", err)
	}
	i, err := watch(p.pid)
	if errors.Is(err, os.ErrProcessDone) {
		return nil, p, nil
	}
	if err != nil {
		return nil, p, fmt.Errorf("find postmaster: %w", err)
	}
	// Asked behind the pidfd, so that the answer is about the process it holds.
	if !alive(p.pid) || !works(p.pid, c.User.uid(), dataDir) {
		i.Release()
		return nil, p, nil
	}
	return i, p, nil
}
