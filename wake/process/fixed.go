package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"postern/wake"
	"postern/wake/postgres"
	"postern/wake/superuser"
)

// FixedConfig specifies an instance that is no tenant and is in no catalog,
// such as the one that holds the catalog.
type FixedConfig struct {
	// Dir is its home: data, postgres.log and lock. Its parent is made if need
	// be. Required.
	Dir string
	// Database is made if it is not there, and belongs to postgres. Required.
	Database string
	// Installations and User are as in Config. A new instance gets the first
	// installation, an existing one its own version.
	Installations []postgres.Installation
	User          postgres.User
	// Settings are server settings besides the lean ones.
	Settings map[string]string
}

// Fixed is such an instance: never suspended, found again after a restart like
// any other. Use NewFixed; it is not safe for concurrent use.
type Fixed struct {
	config   FixedConfig
	home     home
	instance *postgres.Instance
}

// NewFixed checks the specification.
func NewFixed(config FixedConfig) (*Fixed, error) {
	dir, err := filepath.Abs(config.Dir)
	if err != nil {
		return nil, fmt.Errorf("instance directory: %w", err)
	}
	config.Installations = supported(config.Installations)
	if len(config.Installations) == 0 {
		return nil, fmt.Errorf("PostgreSQL %d or later: %w", leastMajor, &postgres.MissingError{})
	}
	if err := CheckSettings(config.Settings); err != nil {
		return nil, err
	}
	if path := postgres.SocketPath(dir, postgres.DefaultPort); len(path) > postgres.MaxSocketPath {
		return nil, fmt.Errorf("instance directory %s: its path is too long for a Unix socket (%d bytes, at most %d)",
			dir, len(path), postgres.MaxSocketPath)
	}
	return &Fixed{config: config, home: home{dir: dir, socketDir: dir, user: config.User}}, nil
}

// Start makes the instance if there is none, starts it if it does not run, and
// returns where it is. The instance runs on when this process ends; Stop it or
// Release it.
func (f *Fixed) Start(ctx context.Context) (wake.Endpoint, error) {
	if err := makePassable(filepath.Dir(f.home.dir)); err != nil {
		return wake.Endpoint{}, err
	}
	if err := f.home.prepare(); err != nil {
		return wake.Endpoint{}, err
	}
	l, err := f.home.lock(ctx)
	if err != nil {
		return wake.Endpoint{}, err
	}
	defer l.release()
	if err := f.make(ctx); err != nil {
		return wake.Endpoint{}, fmt.Errorf("make instance in %s: %w", f.home.dir, err)
	}
	installation, err := f.home.choose(f.config.Installations)
	if err != nil {
		return wake.Endpoint{}, err
	}
	i, err := f.home.run(ctx, f.home.cluster(installation), conf(installation.Major, f.config.Settings))
	if err != nil {
		return wake.Endpoint{}, fmt.Errorf("start instance in %s: %w", f.home.dir, err)
	}
	f.Release()
	f.instance = i
	endpoint := f.home.endpoint(i)
	conn, err := superuser.Connect(ctx, endpoint, "postgres")
	if err != nil {
		return wake.Endpoint{}, err
	}
	defer conn.Close()
	return endpoint, conn.EnsureDatabase(ctx, f.config.Database, "postgres")
}

// make makes the data directory under another name first, so that one that is
// there is complete.
func (f *Fixed) make(ctx context.Context) error {
	if _, err := os.Stat(f.home.dataDir()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	making := f.home.cluster(f.config.Installations[0])
	making.DataDir += ".new"
	if err := os.RemoveAll(making.DataDir); err != nil {
		return err
	}
	if err := f.home.initialize(ctx, making); err != nil {
		return err
	}
	if err := os.Rename(making.DataDir, f.home.dataDir()); err != nil {
		return err
	}
	return syncDir(f.home.dir)
}

// PID is the process id of the postmaster, whoever started it, or 0.
func (f *Fixed) PID() int { return f.home.cluster(postgres.Installation{}).PID() }

// Log names its log.
func (f *Fixed) Log() string { return f.home.logFile() }

// Stop ends the instance in order, with everybody's sessions; one that does not
// run is left alone.
func (f *Fixed) Stop(ctx context.Context) error {
	defer f.Release()
	l, err := f.home.lock(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer l.release()
	i, err := f.home.cluster(postgres.Installation{}).Running(ctx)
	if i == nil || err != nil {
		return err
	}
	defer i.Release()
	return f.home.stop(ctx, i)
}

// Release stops watching the instance, which runs on.
func (f *Fixed) Release() {
	if f.instance != nil {
		f.instance.Release()
		f.instance = nil
	}
}
