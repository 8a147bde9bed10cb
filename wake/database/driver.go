package database

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"postern/catalog"
	"postern/wake"
)

// Config is what a Driver needs.
type Config struct {
	// DataDir is Postern's data directory. Required.
	DataDir string
	// Instances runs the instance that the tenants share, under the id "postern",
	// which no tenant can have. It must give superuser endpoints. Required.
	Instances wake.Driver
	// Settings are server settings of the instance (wake.process.postgres), besides
	// those that suit one with many tenants.
	Settings map[string]string
	// Connections is how many server connections there may be to each database of
	// a tenant, and by each of its roles; 0 means 20.
	Connections int
	// KeepDeleted is how long a deleted tenant's databases are kept; 0 means 7 days
	// (wake.process.keep_deleted).
	KeepDeleted time.Duration
	// Log defaults to slog.Default.
	Log *slog.Logger
}

// Driver gives each tenant databases in an instance that they share. Use New.
type Driver struct {
	config Config
	// instance is the record under which Instances knows the shared instance.
	instance *catalog.Tenant
	marks    marks
	// starting holds a token of who starts the instance.
	starting chan struct{}
	closed   chan struct{}
	watching sync.WaitGroup

	mu    sync.Mutex
	users int                    // under mu: calls under way that need the instance
	stop  *stop                  // under mu: the stop under way, or nil
	run   *run                   // under mu: the instance as it was last seen to run, or nil
	awake map[string]wakefulness // under mu: by UID
}

// wakefulness is that a tenant is awake, as this driver knows it.
type wakefulness struct {
	token string        // of its mark
	gone  chan struct{} // closed when it no longer is
}

var _ wake.Filler = (*Driver)(nil)

// instanceUID is the UID of the record of the shared instance.
var instanceUID = strings.Repeat("0", 32)

// settings suit an instance with many tenants.
var settings = map[string]string{
	"max_connections":        "300",
	"shared_buffers":         "64MB",
	"max_files_per_process":  "1000",
	"autovacuum_max_workers": "3",
	"max_wal_size":           "256MB", // a new database is 8 MB of it
}

// New makes the directories. Close the driver when it is no longer needed, before
// Config.Instances.
func New(config Config) (*Driver, error) {
	config.Connections = cmp.Or(config.Connections, 20)
	config.KeepDeleted = cmp.Or(config.KeepDeleted, 7*24*time.Hour)
	config.Log = cmp.Or(config.Log, slog.Default())
	all := maps.Clone(settings)
	maps.Copy(all, config.Settings)
	d := &Driver{
		config:   config,
		instance: &catalog.Tenant{ID: "postern", UID: instanceUID, Version: 1, Postgres: all},
		marks:    marks{dir: filepath.Join(config.DataDir, "databases")},
		starting: make(chan struct{}, 1),
		closed:   make(chan struct{}),
		awake:    make(map[string]wakefulness),
	}
	return d, d.marks.prepare()
}

// Close stops watching the instance, which runs on.
func (d *Driver) Close() {
	close(d.closed)
	d.watching.Wait()
}

// Capabilities says that this driver can do everything, in an instance that
// tenants share.
func (d *Driver) Capabilities() wake.Capabilities {
	return wake.Capabilities{Provision: true, Suspend: true, Superuser: true, Shared: true}
}

// share is the tenant's part of the instance.
func (d *Driver) share(t *catalog.Tenant) wake.Share {
	return wake.Share{UID: t.UID, Connections: d.config.Connections}
}

// endpoint is the instance as the tenant's.
func (d *Driver) endpoint(r *run, t *catalog.Tenant) wake.Endpoint {
	e := r.endpoint
	e.Share = d.share(t)
	return e
}

// check says why the tenant cannot be in a shared instance.
func check(t *catalog.Tenant) error {
	switch {
	case len(t.UID) != 32:
		return &wake.FailedError{Reason: fmt.Sprintf("the tenant's uid %q is not 32 hexadecimal digits", t.UID)}
	case len(t.Postgres) > 0:
		return &wake.FailedError{
			Reason: "the tenant has server settings of its own, which is not possible in an instance that tenants share",
			Hint:   "Remove its postgres settings, or give it the driver process.",
		}
	case t.PGVersion != 0:
		return &wake.FailedError{
			Reason: "the tenant asks for a version of PostgreSQL, which is not possible in an instance that tenants share",
			Hint:   "Ask for none, or give it the driver process.",
		}
	}
	for name := range t.Roles {
		if len(name) > wake.MaxSharedRole {
			return &wake.FailedError{
				Reason: fmt.Sprintf("the name of role %q is too long for an instance that tenants share: at most %d bytes", name, wake.MaxSharedRole),
				Hint:   "Rename the role, or give the tenant the driver process.",
			}
		}
	}
	return nil
}
