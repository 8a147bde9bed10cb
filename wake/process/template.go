package process

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"postern/wake/postgres"
	"postern/wake/superuser"
)

// template returns the stopped data directory that tenants of this version are
// cloned from. The first one who needs it makes it, once and for all.
func (d *Driver) template(ctx context.Context, i postgres.Installation) (dataDir string, err error) {
	place := d.templateDir(i.Major)
	done := home{dir: place}
	if _, err := os.Stat(done.dataDir()); err == nil {
		return done.dataDir(), nil
	}
	l, err := lockFile(ctx, place+".lock", postgres.User{})
	if err != nil {
		return "", err
	}
	defer l.release()
	if _, err := os.Stat(done.dataDir()); err == nil { // somebody else was first
		return done.dataDir(), nil
	}
	making := d.unfinishedTemplate(place)
	if err := making.makeTemplate(ctx, i); err != nil {
		return "", fmt.Errorf("make template of PostgreSQL %d: %w", i.Major, err)
	}
	if err := os.Rename(making.dir, place); err != nil {
		return "", fmt.Errorf("make template of PostgreSQL %d: %w", i.Major, err)
	}
	return done.dataDir(), nil
}

// templateDir is the home of a version's template.
func (d *Driver) templateDir(major int) string {
	return filepath.Join(d.config.DataDir, "templates", strconv.Itoa(major))
}

// unfinishedTemplate is where the template for a place is being made.
func (d *Driver) unfinishedTemplate(place string) home {
	return home{dir: place + unfinished, socketDir: d.shortSocketDir(place), user: d.config.User}
}

// makeTemplate makes a cluster with the default role and database, and stops
// it. What a broken-off attempt left is removed.
func (h home) makeTemplate(ctx context.Context, i postgres.Installation) error {
	if err := h.prepare(); err != nil {
		return err
	}
	if err := h.discard(ctx); err != nil {
		return err
	}
	c := h.cluster(i)
	if err := h.initialize(ctx, c); err != nil {
		return err
	}
	instance, err := h.run(ctx, c, conf(i.Major))
	if err != nil {
		return err
	}
	defer instance.Release()
	if err := h.makeDefaults(ctx, instance); err != nil {
		return err
	}
	if err := h.stop(ctx, instance); err != nil {
		return err
	}
	if err := os.RemoveAll(h.socketDir); err != nil {
		return err
	}
	return postgres.Sync(h.dir)
}

// initialize makes the data directory.
func (h home) initialize(ctx context.Context, c *postgres.Cluster) error {
	return c.Init(ctx, postgres.Setup{Conf: []string{"include_if_exists = '" + confName + "'"}})
}

func (h home) makeDefaults(ctx context.Context, i *postgres.Instance) error {
	conn, err := superuser.Connect(ctx, h.endpoint(i), "postgres")
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.EnsureRole(ctx, superuser.RoleSpec{Name: DefaultRole, CreateDB: true}); err != nil {
		return err
	}
	return conn.EnsureDatabase(ctx, DefaultDatabase, DefaultRole)
}
