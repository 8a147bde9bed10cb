package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"postern/wake/postgres"
)

const lockName = "lock"

// lock is held by whoever starts, stops, makes or removes an instance. It is
// gone with its holder, however that ends.
type lock struct{ file *os.File }

// lock takes the home's lock, waiting for its holder while ctx allows. The
// error is fs.ErrNotExist where there is no home.
func (h home) lock(ctx context.Context) (*lock, error) {
	return lockFile(ctx, filepath.Join(h.dir, lockName), h.user)
}

func lockFile(ctx context.Context, path string, owner postgres.User) (*lock, error) {
	every := time.NewTicker(2 * time.Millisecond)
	defer every.Stop()
	for {
		l, err := tryLock(path, owner)
		if l != nil || err != nil {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("lock %s: somebody else holds it: %w", path, ctx.Err())
		case <-every.C:
		}
	}
}

// tryLock returns nil if somebody else holds the lock.
func tryLock(path string, owner postgres.User) (*lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if owner != (postgres.User{}) {
		err = f.Chown(int(owner.UID), int(owner.GID))
	}
	if err == nil {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err == nil && !stillAt(f, path) { // moved to the trash while we waited
		err = unix.EWOULDBLOCK
	}
	if err == nil {
		return &lock{file: f}, nil
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) {
		return nil, nil
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}

func stillAt(f *os.File, path string) bool {
	held, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(held, there)
}

func (l *lock) release() { l.file.Close() }
