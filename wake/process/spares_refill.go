package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"postern/wake/postgres"
)

// add makes one: a clone of the template, started.
func (s spares) add(ctx context.Context, i postgres.Installation, templateDir string) (err error) {
	identifier := postgres.NewSystemIdentifier()
	h := s.home(fmt.Sprintf("%016x-%016x", s.template, identifier))
	if err := h.prepare(); err != nil {
		return err
	}
	l, err := h.lock(ctx)
	if err != nil {
		return err
	}
	defer l.release()
	making := h.dataDir() + unfinished
	if err := postgres.CloneSlowly(ctx, h.user, templateDir, making); err != nil {
		return fmt.Errorf("make spare: %w", err)
	}
	if err := postgres.SetSystemIdentifier(making, identifier); err != nil {
		return fmt.Errorf("make spare: %w", err)
	}
	if err := postgres.Sync(h.dir); err != nil {
		return fmt.Errorf("make spare: %w", err)
	}
	if err := os.Rename(making, h.dataDir()); err != nil {
		return fmt.Errorf("make spare: %w", err)
	}
	return s.run(ctx, h, i)
}

// run starts a spare, or adopts it if it runs. Called with its lock held.
func (s spares) run(ctx context.Context, h home, i postgres.Installation) error {
	instance, err := h.run(ctx, h.cluster(i), s.conf)
	if err != nil {
		return fmt.Errorf("start spare: %w", err)
	}
	s.driver.watchSpare(h.dir, instance)
	return nil
}

// tidy starts again what has stopped, ends and removes what is of no use and what
// is more than keep, and returns how many run then.
func (s spares) tidy(ctx context.Context, i postgres.Installation, keep int) (running int, err error) {
	names, err := s.names()
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return running, err
		}
		ran, err := s.tidyOne(ctx, i, name, running < keep)
		if err != nil {
			return running, fmt.Errorf("spare %s: %w", name, err)
		}
		if ran {
			running++
		}
	}
	return running, nil
}

func (s spares) tidyOne(ctx context.Context, i postgres.Installation, name string, wanted bool) (runs bool, err error) {
	h := s.home(name)
	if to, err := os.Readlink(h.dir); err == nil {
		return false, s.tidyLink(h, to)
	}
	l, err := s.lock(h)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil // it has just been taken
	case l == nil || err != nil:
		return l == nil && err == nil, err // somebody else is at it, who lets it run or takes it
	}
	defer l.release()
	if wanted && s.isOfTemplate(name) && s.usable(h) {
		return true, s.run(ctx, h, i)
	}
	return false, s.remove(ctx, h)
}

// tidyLink removes what leads from a spare's place to the tenant that has it, once
// the postmaster that was started there has ended.
func (s spares) tidyLink(h home, to string) error {
	if pid := (home{dir: to, user: h.user}).cluster(postgres.Installation{}).PID(); pid != 0 && startedIn(pid, h.dataDir()) {
		return nil
	}
	if h.socketDir != h.dir {
		if err := os.RemoveAll(h.socketDir); err != nil {
			return err
		}
	}
	return os.Remove(h.dir)
}

// startedIn reports whether a postmaster's command line has the data directory.
func startedIn(pid int, dataDir string) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && bytes.Contains(line, []byte("\x00"+dataDir+"\x00"))
}

// remove ends a spare and removes it. Called with its lock held.
func (s spares) remove(ctx context.Context, h home) error {
	if err := s.stop(ctx, h); err != nil {
		return err
	}
	if h.socketDir != h.dir {
		if err := os.RemoveAll(h.socketDir); err != nil {
			return err
		}
	}
	return os.RemoveAll(h.dir)
}

// stop ends one in order, so that it can be started again; with its lock held.
func (s spares) stop(ctx context.Context, h home) error {
	s.driver.forgetSpare(h.dir)
	if _, err := os.Stat(h.dataDir()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	i, err := h.cluster(postgres.Installation{}).Found()
	if err != nil {
		return err
	}
	if i != nil {
		defer i.Release()
		if err := h.stop(ctx, i); err != nil {
			return err
		}
	}
	return h.end(ctx) // leftovers
}

// StopSpares ends the spares, which the next Run starts again: for the end of a
// Postern that leaves nothing running. Call it after the end of Run.
func (d *Driver) StopSpares(ctx context.Context) error {
	majors, err := d.preparedVersions()
	if err != nil {
		return err
	}
	for _, major := range majors {
		if err := d.spares(major, 0).stopAll(ctx); err != nil {
			return fmt.Errorf("stop spares of PostgreSQL %d: %w", major, err)
		}
	}
	return nil
}

func (s spares) stopAll(ctx context.Context) error {
	names, err := s.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.stopOne(ctx, s.home(name)); err != nil {
			return fmt.Errorf("spare %s: %w", name, err)
		}
	}
	return nil
}

// stopOne leaves alone what another driver is taking, starting or ending.
func (s spares) stopOne(ctx context.Context, h home) error {
	if to, err := os.Readlink(h.dir); err == nil {
		return s.tidyLink(h, to)
	}
	l, err := s.lock(h)
	if l == nil || err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	defer l.release()
	return s.stop(ctx, h)
}
