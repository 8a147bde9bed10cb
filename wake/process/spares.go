package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"postern/catalog"
	"postern/wake/postgres"
)

// spares are one version's instances that run and are nobody's, so that a new tenant
// needs no start: each is a home of its own, named as a prepared clone is. Whoever
// holds the lock of one may take it, start it or remove it; several drivers may do
// so at once.
//
// A tenant takes over the files. The postmaster knows them by the path that it was
// started with, so a link leads on from there until it has ended.
type spares struct {
	driver *Driver
	dir    string
	// conf is what their instances run with, template the identifier of what they
	// were cloned from: what differs is of no use.
	conf     string
	template uint64
}

func (d *Driver) spares(major int, template uint64) spares {
	return spares{
		driver: d, dir: filepath.Join(d.config.DataDir, "spares", strconv.Itoa(major)),
		conf: conf(major, d.config.Settings), template: template,
	}
}

// home is that of the spare with a name.
func (s spares) home(name string) home {
	h := home{dir: filepath.Join(s.dir, name), user: s.driver.config.User}
	h.socketDir = h.dir
	if len(postgres.SocketPath(h.dir, postgres.DefaultPort)) > postgres.MaxSocketPath {
		h.socketDir = s.driver.shortSocketDir(h.dir)
	}
	return h
}

// take moves a running spare into the home of a new tenant, whose lock the caller
// holds. It reports false if there is none.
func (s spares) take(to home) (bool, error) {
	names, err := s.names()
	if err != nil {
		return false, err
	}
	for _, name := range names {
		if !s.isOfTemplate(name) {
			continue
		}
		h := s.home(name)
		l, err := s.lock(h)
		if l == nil || err != nil { // somebody else is at it, or it is a tenant's
			continue
		}
		taken, err := s.takeLocked(h, to)
		l.release()
		if taken || err != nil {
			return taken, err
		}
	}
	return false, nil
}

// lock takes the lock of a spare, nil if somebody else has it; fs.ErrNotExist if it is
// no spare any more. Behind a link there is a tenant, whose lock is not wanted here.
func (s spares) lock(h home) (*lock, error) {
	l, err := tryLock(filepath.Join(h.dir, lockName), h.user)
	if l == nil || err != nil {
		return nil, err
	}
	// Asked behind the lock, without which nobody puts a link there.
	if info, err := os.Lstat(h.dir); err != nil || !info.IsDir() {
		l.release()
		return nil, fmt.Errorf("lock spare: %w", fs.ErrNotExist)
	}
	return l, nil
}

func (s spares) takeLocked(h, to home) (bool, error) {
	if !s.usable(h) || h.cluster(postgres.Installation{}).PID() == 0 {
		return false, nil
	}
	if err := os.Rename(h.dataDir(), to.dataDir()); err != nil {
		return false, fmt.Errorf("take spare: %w", err)
	}
	s.driver.forgetSpare(h.dir)
	// From here on it is the tenant's; if the rest fails, the caller removes it.
	for from, to := range map[string]string{
		h.logFile():             to.logFile(),
		socket(h.socketDir):     socket(to.socketDir),
		socketLock(h.socketDir): socketLock(to.socketDir),
	} {
		if err := os.Rename(from, to); err != nil {
			return true, fmt.Errorf("take spare: %w", err)
		}
	}
	if h.socketDir != h.dir {
		if err := lead(h.socketDir, to.socketDir); err != nil {
			return true, fmt.Errorf("take spare: %w", err)
		}
	}
	if err := lead(h.dir, to.dir); err != nil {
		return true, fmt.Errorf("take spare: %w", err)
	}
	return true, nil
}

// takeSpare moves a running spare into the home. It reports false if none is there,
// or the tenant has server settings of its own, which most take a start.
func (d *Driver) takeSpare(t *catalog.Tenant, h home, major int, template string) (bool, error) {
	if d.config.Spares <= 0 || len(t.Postgres) > 0 {
		return false, nil
	}
	identifier, err := postgres.SystemIdentifier(template)
	if err != nil {
		return false, err
	}
	return d.spares(major, identifier).take(h)
}

// lead puts a link in the place of a directory that is no longer needed.
func lead(from, to string) error {
	if err := os.RemoveAll(from); err != nil {
		return err
	}
	return os.Symlink(to, from)
}

func socket(dir string) string     { return postgres.SocketPath(dir, postgres.DefaultPort) }
func socketLock(dir string) string { return socket(dir) + ".lock" }

// usable reports whether a spare is complete, Postgres's own, and has the settings
// of the day. Called with its lock held.
func (s spares) usable(h home) bool {
	text, err := os.ReadFile(filepath.Join(h.dataDir(), confName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) || err == nil && string(text) != s.conf {
		return false // without the file it has not been started yet
	}
	return h.user.CheckOwner(h.dataDir()) == nil
}

func (s spares) isOfTemplate(name string) bool {
	return strings.HasPrefix(name, fmt.Sprintf("%016x-", s.template))
}

func (s spares) names() (names []string, err error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list spares: %w", err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}
