package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"postern/wake/postgres"
)

// refillEvery is for what this driver cannot notice: another one took a clone,
// the disk has room again.
const refillEvery = time.Minute

// refillPause is how long nobody must have made a tenant before it is refilled, so
// that those who make some one after another do not wait for the disk meanwhile.
const refillPause = time.Second

// Run keeps Config.Prepared clones of each template ready until ctx ends, so
// that Provision only has to move one, and Config.Spares running, so that it only
// has to make the roles: after the start, a second after the last tenant that
// was made, and from time to time. It makes no template; the first tenant of a
// version does. What an earlier run left half-made, tenants too, or is of no use any
// more, it removes. Nothing is made where the file system has less than 1 GiB or 5 % free.
// It fails never; what goes wrong is logged. Call it once.
func (d *Driver) Run(ctx context.Context) error {
	if err := d.clearRemains(ctx); err != nil && ctx.Err() == nil {
		d.config.Log.Warn("cannot remove what an earlier run left half-made", "error", err)
	}
	ticker := time.NewTicker(refillEvery)
	defer ticker.Stop()
	quiet := time.NewTimer(0)
	defer quiet.Stop()
	told := ""
	for {
		select {
		case <-d.provisioned:
			quiet.Reset(refillPause)
			continue
		case <-quiet.C:
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		err := d.refill(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if text := fmt.Sprint(err); text != told { // once, not every minute
			told = text
			if err != nil {
				d.config.Log.Warn("cannot keep instances ready for new tenants, who take longer", "error", err)
			}
		}
	}
}

func (d *Driver) refill(ctx context.Context) error {
	majors, err := d.preparedVersions()
	if err != nil {
		return err
	}
	for _, major := range majors {
		if err := d.refillVersion(ctx, major); err != nil {
			return fmt.Errorf("PostgreSQL %d: %w", major, err)
		}
	}
	return nil
}

// preparedVersions are the installed versions, the newest first, and those that
// something was once prepared for.
func (d *Driver) preparedVersions() (majors []int, err error) {
	for _, i := range d.config.Installations {
		majors = append(majors, i.Major)
	}
	for _, name := range []string{"prepared", "spares"} {
		entries, err := os.ReadDir(filepath.Join(d.config.DataDir, name))
		if err != nil {
			return nil, fmt.Errorf("list what is prepared: %w", err)
		}
		for _, e := range entries {
			if major, err := strconv.Atoi(e.Name()); err == nil {
				majors = append(majors, major)
			}
		}
	}
	slices.Sort(majors)
	majors = slices.Compact(majors)
	slices.Reverse(majors)
	return majors, nil
}

// refillVersion brings the number of a version's spares and clones to what it is to
// be: 0 where there is no template, or nothing to run it with.
func (d *Driver) refillVersion(ctx context.Context, major int) error {
	template := home{dir: d.templateDir(major)}.dataDir()
	identifier, err := postgres.SystemIdentifier(template)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	running, ready := d.config.Spares, d.config.Prepared
	n := slices.IndexFunc(d.config.Installations, func(i postgres.Installation) bool { return i.Major == major })
	var installation postgres.Installation
	if err != nil || n < 0 {
		running, ready = 0, 0
	} else {
		installation = d.config.Installations[n]
	}
	p, s := d.prepared(major), d.spares(major, identifier)
	if running <= 0 && ready <= 0 && absent(p.dir) && absent(s.dir) {
		return nil
	}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return err
	}
	l, err := lockFile(ctx, p.dir+".lock", postgres.User{})
	if err != nil {
		return err
	}
	defer l.release()
	return errors.Join(
		d.refillSpares(ctx, s, installation, template, running),
		d.refillPrepared(ctx, p, template, identifier, ready),
	)
}

func absent(dir string) bool {
	_, err := os.Stat(dir)
	return errors.Is(err, fs.ErrNotExist)
}

func (d *Driver) refillPrepared(ctx context.Context, p prepared, templateDir string, template uint64, keep int) error {
	ready, err := p.tidy(ctx, template, keep)
	for ; err == nil && ready < keep; ready++ {
		err = d.addPrepared(ctx, p, templateDir, template)
	}
	return err
}

func (d *Driver) refillSpares(ctx context.Context, s spares, i postgres.Installation, templateDir string, keep int) error {
	if keep > 0 {
		if err := makePassable(s.dir); err != nil {
			return err
		}
	}
	running, err := s.tidy(ctx, i, keep)
	for ; err == nil && running < keep; running++ {
		err = d.addSpare(ctx, s, i, templateDir)
	}
	return err
}

// addSpare makes one if disk and memory have room.
func (d *Driver) addSpare(ctx context.Context, s spares, i postgres.Installation, templateDir string) error {
	if d.MemoryShort() {
		return errors.New("there is too little memory for a spare")
	}
	enough, err := d.hasRoom(s.dir)
	if err != nil {
		return err
	}
	if !enough {
		return fmt.Errorf("the file system of %s is nearly full", s.dir)
	}
	return s.add(ctx, i, templateDir)
}

// addPrepared makes one if the disk has room.
func (d *Driver) addPrepared(ctx context.Context, p prepared, templateDir string, template uint64) error {
	enough, err := d.hasRoom(p.dir)
	if err != nil {
		return err
	}
	if !enough {
		return fmt.Errorf("the file system of %s is nearly full", p.dir)
	}
	return p.add(ctx, templateDir, template)
}
