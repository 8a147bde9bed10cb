package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"postern/wake/postgres"
)

// prepared is the directory of one version's clones that lie ready. A clone is
// a data directory, complete and on disk, with a system identifier of its own;
// its name says which template it is of. Whoever renames one away has it, and
// nobody else: several drivers may take from here and remove from here at once.
type prepared struct {
	dir  string
	user postgres.User
}

// unfinished ends the names of those that are being made or removed.
const unfinished = ".new"

func (d *Driver) prepared(major int) prepared {
	return prepared{dir: filepath.Join(d.config.DataDir, "prepared", strconv.Itoa(major)), user: d.config.User}
}

// takePrepared moves a prepared clone of the template into the home. It reports
// false if none is there.
func (d *Driver) takePrepared(h home, major int, template string) (bool, error) {
	if d.config.Prepared <= 0 {
		return false, nil
	}
	identifier, err := postgres.SystemIdentifier(template)
	if err != nil {
		return false, err
	}
	return d.prepared(major).take(identifier, h.dataDir())
}

// take moves a clone of the template with that identifier to dataDir, where
// nothing is.
func (p prepared) take(template uint64, dataDir string) (bool, error) {
	names, err := p.names()
	if err != nil {
		return false, err
	}
	for _, name := range names {
		if !p.usable(name, template) {
			continue
		}
		err := os.Rename(filepath.Join(p.dir, name), dataDir)
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, fs.ErrNotExist) { // not just taken by somebody else
			return false, fmt.Errorf("take prepared clone: %w", err)
		}
	}
	return false, nil
}

// add makes one. Called with the lock held.
func (p prepared) add(ctx context.Context, templateDir string, template uint64) (err error) {
	identifier := postgres.NewSystemIdentifier()
	place := filepath.Join(p.dir, fmt.Sprintf("%016x-%016x", template, identifier))
	making := place + unfinished
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("prepare clone: %w", err), os.RemoveAll(making))
		}
	}()
	if err := postgres.CloneSlowly(ctx, p.user, templateDir, making); err != nil {
		return err
	}
	if err := postgres.SetSystemIdentifier(making, identifier); err != nil {
		return err
	}
	if err := postgres.Sync(p.dir); err != nil {
		return err
	}
	if err := os.Rename(making, place); err != nil {
		return err
	}
	return syncDir(p.dir)
}

// tidy removes what is half-made, what is of another template or another
// account, and what is more than keep, and returns how many there are then.
// Called with the lock held, so that nothing is being made.
func (p prepared) tidy(ctx context.Context, template uint64, keep int) (ready int, err error) {
	names, err := p.names()
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return ready, err
		}
		if ready < keep && p.usable(name, template) {
			ready++
			continue
		}
		if err := p.remove(name); err != nil {
			return ready, fmt.Errorf("remove prepared clone: %w", err)
		}
	}
	return ready, nil
}

// remove takes one away first, lest a tenant gets a part of it.
func (p prepared) remove(name string) error {
	place := filepath.Join(p.dir, name)
	removing := strings.TrimSuffix(place, unfinished) + unfinished
	if removing != place {
		err := os.Rename(place, removing)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a tenant has it
		}
		if err != nil {
			return err
		}
	}
	return os.RemoveAll(removing)
}

// usable reports whether the entry of that name is complete, a clone of the
// template, and Postgres's own.
func (p prepared) usable(name string, template uint64) bool {
	return strings.HasPrefix(name, fmt.Sprintf("%016x-", template)) && !strings.HasSuffix(name, unfinished) &&
		p.user.CheckOwner(filepath.Join(p.dir, name)) == nil
}

// names lists the entries, finished or not.
func (p prepared) names() (names []string, err error) {
	entries, err := os.ReadDir(p.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list prepared clones: %w", err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}
