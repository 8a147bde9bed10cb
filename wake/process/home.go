package process

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"postern/catalog"
	"postern/wake"
	"postern/wake/postgres"
	"postern/wake/superuser"
)

// home is the directory of one instance: data, postgres.log and lock.
type home struct {
	dir       string
	socketDir string
	user      postgres.User
	proxy     string // Config.Proxy
}

// tenant returns the home of a tenant.
func (d *Driver) tenant(id catalog.TenantID) home {
	h := home{dir: filepath.Join(d.config.DataDir, "tenants", string(id)), user: d.config.User, proxy: d.config.Proxy}
	h.socketDir = h.dir
	if len(postgres.SocketPath(h.dir, postgres.DefaultPort)) > postgres.MaxSocketPath {
		h.socketDir = d.shortSocketDir(string(id))
	}
	return h
}

// shortSocketDir is where the socket goes whose own place has too long a path.
func (d *Driver) shortSocketDir(name string) string {
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(d.config.DataDir, "s", hex.EncodeToString(sum[:8]))
}

func (h home) dataDir() string { return filepath.Join(h.dir, "data") }
func (h home) logFile() string { return filepath.Join(h.dir, "postgres.log") }

// cluster is the instance in this home, run by one installation.
func (h home) cluster(i postgres.Installation) *postgres.Cluster {
	return &postgres.Cluster{
		Installation: i, User: h.user, DataDir: h.dataDir(), SocketDir: h.socketDir, LogFile: h.logFile(),
	}
}

// prepare makes the directories, 0700 and owned by the account of Postgres.
func (h home) prepare() error {
	for _, dir := range []string{h.dir, h.socketDir} {
		err := os.Mkdir(dir, 0o700)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			err = h.user.Own(dir)
		}
		if err != nil {
			return fmt.Errorf("make instance directory: %w", err)
		}
	}
	return nil
}

// choose picks the binaries for the data directory that is there.
func (h home) choose(installations []postgres.Installation) (postgres.Installation, error) {
	major, err := postgres.DataVersion(h.dataDir())
	if errors.Is(err, fs.ErrNotExist) {
		return postgres.Installation{}, &wake.FailedError{
			Reason: fmt.Sprintf("%s is not a data directory of PostgreSQL", h.dataDir()),
			Hint:   "Restore it from a backup, or delete the tenant.",
			Log:    postgres.LogTail(h.logFile()),
		}
	}
	if err != nil {
		return postgres.Installation{}, err
	}
	found, err := postgres.Pick(installations, major)
	var missing *postgres.MissingError
	if errors.As(err, &missing) {
		return found, &wake.FailedError{
			Reason: fmt.Sprintf("the data directory needs PostgreSQL %d, which is not installed", major),
			Hint:   fmt.Sprintf("Install the package %s.", missing.Package()),
			Log:    postgres.LogTail(h.logFile()),
		}
	}
	return found, err
}

// run returns the running instance, starting it with conf as its settings if
// need be, when it has answered a query. One that somebody else is stopping, or
// that recovers from the crash of a backend, is waited for while ctx allows.
// Called with the lock held.
func (h home) run(ctx context.Context, c *postgres.Cluster, conf string) (*postgres.Instance, error) {
	every := time.NewTicker(5 * time.Millisecond)
	defer every.Stop()
	for first := true; ; first = false {
		i, err := c.Running(ctx)
		if err != nil {
			return nil, err
		}
		if i == nil {
			i, err = h.start(ctx, c, conf)
			var failed *postgres.StartError
			if first && errors.As(err, &failed) && failed.Locked() {
				continue // one that a dying Postern had just started
			}
			if err != nil {
				return nil, h.startFailure(err)
			}
		}
		err = h.ask(ctx, i)
		if err == nil {
			return i, nil
		}
		i.Release()
		if !superuser.Unready(err) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-every.C:
		}
	}
}

// start starts the stopped instance.
func (h home) start(ctx context.Context, c *postgres.Cluster, conf string) (*postgres.Instance, error) {
	if err := h.checkOwner(); err != nil {
		return nil, err
	}
	if err := c.EndLeftovers(ctx); err != nil {
		return nil, err
	}
	if err := h.prepare(); err != nil {
		return nil, err
	}
	if err := h.writeConf(conf); err != nil {
		return nil, err
	}
	return c.Start(ctx)
}

// ask has the instance answer a query.
func (h home) ask(ctx context.Context, i *postgres.Instance) error {
	conn, err := superuser.Connect(ctx, h.endpoint(i), "postgres")
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Ping(ctx)
}

// endpoint is where the running instance is reached.
func (h home) endpoint(i *postgres.Instance) wake.Endpoint {
	return wake.Endpoint{
		Network:   "unix",
		Address:   postgres.SocketPath(h.socketDir, postgres.DefaultPort),
		Superuser: "postgres",
		Proxy:     h.proxy,
		Run:       fmt.Sprintf("%d-%d", i.PID, i.StartedAt.Unix()),
		Gone:      i.Gone(),
	}
}

// stop ends the running instance in order. When ctx's deadline passes meanwhile,
// it is ended at once (Immediate): nothing that was committed is lost, the next
// start only takes longer. When ctx is cancelled instead, it goes on stopping,
// and whoever comes next waits for it.
func (h home) stop(ctx context.Context, i *postgres.Instance) error {
	err := i.Stop(ctx, postgres.Fast)
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return h.stopAtOnce(ctx, i)
}

// immediateTimeout covers the five seconds after which a postmaster in
// immediate shutdown kills its children.
const immediateTimeout = 10 * time.Second

func (h home) stopAtOnce(ctx context.Context, i *postgres.Instance) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), immediateTimeout)
	defer cancel()
	return i.Stop(ctx, postgres.Immediate)
}

// discard ends whatever runs in the home and removes all of it but the lock, and
// the files to keep.
func (h home) discard(ctx context.Context, keep ...string) error {
	if _, err := os.Stat(h.dataDir()); err == nil {
		if err := h.end(ctx); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(h.dir)
	if err != nil {
		return fmt.Errorf("discard instance: %w", err)
	}
	for _, e := range entries {
		if e.Name() == lockName || slices.Contains(keep, e.Name()) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(h.dir, e.Name())); err != nil {
			return fmt.Errorf("discard instance: %w", err)
		}
	}
	return nil
}

// end stops whatever runs in the home at once, whatever state it is in.
func (h home) end(ctx context.Context) error {
	c := h.cluster(postgres.Installation{})
	i, err := c.Found()
	if err != nil {
		return err
	}
	if i != nil {
		defer i.Release()
		if err := h.stopAtOnce(ctx, i); err != nil {
			return err
		}
	}
	return c.EndLeftovers(ctx)
}

// checkOwner tells an operator what is wrong where Postgres would only refuse.
func (h home) checkOwner() error {
	if err := h.user.CheckOwner(h.dataDir()); err != nil {
		return &wake.FailedError{
			Reason: err.Error(),
			Hint:   "Run Postern with the --pg-user that owns the data, or give the data to that user with chown -R.",
			Log:    postgres.LogTail(h.logFile()),
		}
	}
	return nil
}

// writeConf writes postern.conf if it is not that already. The file is the
// account's that may be another than ours, so links are not followed.
func (h home) writeConf(text string) error {
	dir, err := os.OpenRoot(h.dataDir())
	if err != nil {
		return fmt.Errorf("write %s: %w", confName, err)
	}
	defer dir.Close()
	if was, err := dir.ReadFile(confName); err == nil && bytes.Equal(was, []byte(text)) {
		return nil
	}
	if err := h.user.WriteFile(dir, confName, text); err != nil {
		return fmt.Errorf("write %s: %w", confName, err)
	}
	return nil
}
