package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// cloneWorkers copy files at once; more gain nothing.
const cloneWorkers = 2

// Clone copies a stopped data directory to a new place and gives the copy to
// owner. Files share their blocks with the original where the file system can
// do that. What belongs to one run only is left out. It is not on disk before
// Sync. A cluster with tablespaces or with pg_wal elsewhere is refused. When
// Clone fails, the caller removes what is there.
func Clone(ctx context.Context, owner User, from, to string) error {
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(cloneWorkers)
	c := cloner{owner: owner}
	walk := c.walk(ctx, from, to, func(file func() error) error {
		workers.Go(file)
		return nil
	})
	if err := errors.Join(walk, workers.Wait()); err != nil {
		return fmt.Errorf("clone %s: %w", from, err)
	}
	return nil
}

// CloneSlowly is Clone for when nobody waits for it: it copies one file at a
// time and rests after each for as long as that took. A thread of low priority
// would not do: when it is not scheduled, it holds up the whole process.
func CloneSlowly(ctx context.Context, owner User, from, to string) error {
	c := cloner{owner: owner}
	err := c.walk(ctx, from, to, func(file func() error) error {
		began := time.Now()
		err := file()
		time.Sleep(time.Since(began))
		return err
	})
	if err != nil {
		return fmt.Errorf("clone %s: %w", from, err)
	}
	return nil
}

// walk makes the directories of the copy and has copy called with what copies
// each file.
func (c *cloner) walk(ctx context.Context, from, to string, copy func(file func() error) error) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		info, err := entry.Info()
		if err != nil {
			return err
		}
		switch {
		case leftOut(relative):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir():
			return c.makeDir(target, info.Mode().Perm())
		case entry.Type().IsRegular():
			return copy(func() error { return c.copyFile(path, target, info.Mode().Perm()) })
		}
		return fmt.Errorf("%s is a %s: tablespaces and links are not cloned", relative, entry.Type())
	})
}

// leftOut reports what a clone must not have or need not: see PostgreSQL's own
// list in basebackup.c.
func leftOut(relative string) bool {
	switch relative {
	case "postmaster.pid", "postmaster.opts":
		return true
	}
	name := filepath.Base(relative)
	parent := filepath.Dir(relative)
	return name == "pg_internal.init" || strings.HasPrefix(name, "pgsql_tmp") || parent == "pg_replslot"
}

type cloner struct {
	owner User
	plain atomic.Bool // the file system cannot share blocks
}

func (c *cloner) makeDir(path string, mode fs.FileMode) error {
	if err := os.Mkdir(path, mode); err != nil {
		return err
	}
	return c.owner.Own(path)
}

func (c *cloner) copyFile(from, to string, mode fs.FileMode) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if err := c.fill(target, source); err != nil {
		target.Close()
		return err
	}
	return target.Close()
}

func (c *cloner) fill(target, source *os.File) error {
	if c.owner != (User{}) {
		if err := target.Chown(int(c.owner.UID), int(c.owner.GID)); err != nil {
			return err
		}
	}
	if !c.plain.Load() {
		if unix.IoctlFileClone(int(target.Fd()), int(source.Fd())) == nil {
			return nil
		}
		c.plain.Store(true)
	}
	_, err := io.Copy(target, source) // copy_file_range where there is one
	return err
}

// Sync puts everything on the file system that holds path on disk: for a data
// directory of a thousand files that is much quicker than one after the other.
func Sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync file system: %w", err)
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return fmt.Errorf("sync file system: %w", err)
	}
	return nil
}
