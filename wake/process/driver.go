package process

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"postern/catalog"
	"postern/wake"
	"postern/wake/postgres"
)

// The role and the database that every tenant begins with.
const (
	DefaultRole     = "app"
	DefaultDatabase = "app"
)

// leastMajor is the oldest version that has all that is used here:
// recovery_init_sync_method and pg_read_all_data.
const leastMajor = 14

// Config is what a Driver needs.
type Config struct {
	// DataDir is Postern's data directory; it is made if need be. Required.
	DataDir string
	// Installations are the PostgreSQL versions to use, newest first, as from
	// postgres.Find. At least one of version 14 or later is required.
	Installations []postgres.Installation
	// User is who Postgres runs as, as from postgres.LookupUser. Required for
	// root, whom Postgres refuses.
	User postgres.User
	// Settings are server settings of every tenant (wake.process.postgres); a
	// tenant's own win.
	Settings map[string]string
	// KeepDeleted is how long a deleted tenant's data is kept; 0 means 7 days
	// (wake.process.keep_deleted).
	KeepDeleted time.Duration
	// Prepared is how many clones of each template Run keeps ready for new
	// tenants; 0 is none (wake.process.prepared).
	Prepared int
	// Proxy is this proxy's id among those that share DataDir, whose connections it
	// does not take for its own; "" for one that is alone.
	Proxy string
	// Spares is how many more of each version Run keeps running, for new tenants that
	// have no server settings of their own; 0 is none (wake.process.spares).
	Spares int
	// Log defaults to slog.Default.
	Log *slog.Logger
}

// Driver runs tenants' Postgres as processes of this machine. Use New.
type Driver struct {
	config Config
	// hasRoom says whether a file system has room for what nobody has asked for.
	hasRoom func(path string) (bool, error)
	// hasRoomToMake says whether it has room for what somebody has asked for.
	hasRoomToMake func(path string) (bool, error)
	// provisioned has a value when Run is to look what is missing.
	provisioned chan struct{}

	mu      sync.Mutex
	watched map[catalog.TenantID]*postgres.Instance // under mu: instances last seen running
	spare   map[string]*postgres.Instance           // under mu: spares, by their directory
}

var _ wake.Filler = (*Driver)(nil)

// New checks the configuration and makes the directories. Close the driver when
// it is no longer needed.
func New(config Config) (*Driver, error) {
	config.KeepDeleted = cmp.Or(config.KeepDeleted, 7*24*time.Hour)
	config.Log = cmp.Or(config.Log, slog.Default())
	config.Installations = supported(config.Installations)
	if len(config.Installations) == 0 {
		return nil, fmt.Errorf("PostgreSQL %d or later: %w", leastMajor, &postgres.MissingError{})
	}
	if config.User == (postgres.User{}) && os.Geteuid() == 0 {
		return nil, postgres.ErrRoot
	}
	if err := CheckSettings(config.Settings); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(config.DataDir)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	config.DataDir = dir
	d := &Driver{
		config: config, hasRoom: hasRoom, hasRoomToMake: hasRoomToMake, provisioned: make(chan struct{}, 1),
		watched: make(map[catalog.TenantID]*postgres.Instance),
		spare:   make(map[string]*postgres.Instance),
	}
	if path := postgres.SocketPath(d.shortSocketDir("x"), postgres.DefaultPort); len(path) > postgres.MaxSocketPath {
		return nil, fmt.Errorf("data directory %s: its path is too long for a Unix socket below it (%d bytes, at most %d)",
			dir, len(path), postgres.MaxSocketPath)
	}
	if err := makePassable(dir); err != nil {
		return nil, err
	}
	for _, name := range []string{"tenants", "templates", "spares", "s"} {
		if err := makePassable(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"trash", "prepared"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return nil, fmt.Errorf("make directory: %w", err)
		}
	}
	return d, nil
}

// Close stops watching the instances, which run on.
func (d *Driver) Close() {
	d.mu.Lock()
	watched, spare := d.watched, d.spare
	d.watched = make(map[catalog.TenantID]*postgres.Instance)
	d.spare = make(map[string]*postgres.Instance)
	d.mu.Unlock()
	for _, i := range watched {
		i.Release()
	}
	for _, i := range spare {
		i.Release()
	}
}

// Capabilities says that this driver can do everything.
func (d *Driver) Capabilities() wake.Capabilities {
	return wake.Capabilities{Provision: true, Suspend: true, Superuser: true}
}

// watch keeps i as the tenant's instance, so that its Gone channel lives as
// long as the driver. If it is known already, the known one is returned.
func (d *Driver) watch(id catalog.TenantID, i *postgres.Instance) *postgres.Instance {
	d.mu.Lock()
	known := d.watched[id]
	if known != nil && known.PID == i.PID && known.StartedAt.Equal(i.StartedAt) {
		d.mu.Unlock()
		i.Release()
		return known
	}
	d.watched[id] = i
	d.mu.Unlock()
	if known != nil {
		known.Release()
	}
	return i
}

// forget drops the tenant's instance, which is gone.
func (d *Driver) forget(id catalog.TenantID) {
	d.mu.Lock()
	known := d.watched[id]
	delete(d.watched, id)
	d.mu.Unlock()
	if known != nil {
		known.Release()
	}
}

// watchSpare keeps the instance of a spare, so that its end is noticed.
func (d *Driver) watchSpare(dir string, i *postgres.Instance) {
	d.mu.Lock()
	known := d.spare[dir]
	d.spare[dir] = i
	d.mu.Unlock()
	if known != nil {
		known.Release()
	}
}

// forgetSpare drops the instance of a spare, which is gone or a tenant's.
func (d *Driver) forgetSpare(dir string) {
	d.mu.Lock()
	known := d.spare[dir]
	delete(d.spare, dir)
	d.mu.Unlock()
	if known != nil {
		known.Release()
	}
}

func supported(all []postgres.Installation) []postgres.Installation {
	return slices.DeleteFunc(slices.Clone(all), func(i postgres.Installation) bool { return i.Major < leastMajor })
}

// makePassable makes a directory that the account of Postgres can pass through
// but not list.
func makePassable(dir string) error {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	if os.Geteuid() != 0 {
		return nil // Postgres runs as oneself
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	if err := os.Chmod(dir, info.Mode().Perm()|0o711); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	return nil
}
