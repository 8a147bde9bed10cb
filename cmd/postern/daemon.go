package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"postern/catalog"
	"postern/catalog/api"
	"postern/catalog/membership"
	"postern/configs"
	"postern/proxy"
	"postern/proxy/auth"
	"postern/proxy/engine"
	"postern/proxy/meter"
	"postern/proxy/pool"
	"postern/router"
	"postern/wake"
	"postern/wake/database"
	"postern/wake/process"
	"postern/wake/static"
	"postern/wake/superuser"
	"postern/wake/transfer"
)

// daemon is one running Postern: what serve and dev have in common. It is built
// whole by newDaemon, so that nothing is listened on before everything is right.
type daemon struct {
	// inEffect is the configuration that the daemon obeys; reload replaces it.
	inEffect atomic.Pointer[configs.Config]
	dataDir  string
	log      *slog.Logger
	// urlByHostname: DSNs name the tenant by its host name, which clients can
	// resolve.
	urlByHostname bool
	// reloads is how the configuration can change. The zero value is never.
	reloads reloads
	// interrupted is what SIGINT means; 0 is draining.
	interrupted ending
	// endings are what the console has asked for.
	endings chan ending

	store     store
	member    *membership.Member // nil where the catalog is this proxy's alone
	cache     *catalog.Cache
	process   *process.Driver  // nil where there is no PostgreSQL on this machine
	database  *database.Driver // likewise
	gate      *wake.Gate
	suspender *wake.Suspender
	tenants   *superuser.Tenants
	proxy     *proxy.Server
	registry  *prometheus.Registry
	api       http.Handler
	draining  atomic.Bool

	listeners listeners
	closers   []func() // run in reverse by close
}

// newDaemon builds a daemon over store and listens. It calls closeStore when it
// is closed or could not be built. The caller runs it and closes it.
func newDaemon(ctx context.Context, config configs.Config, dataDir string, store store, closeStore func(), drivers driverOptions, log *slog.Logger) (_ *daemon, err error) {
	d := &daemon{dataDir: dataDir, log: log, store: store, registry: prometheus.NewRegistry(), endings: make(chan ending, 8)}
	d.inEffect.Store(&config)
	d.closers = append(d.closers, closeStore)
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	metrics := meter.New(d.registry)
	secret, err := fleetSecret(ctx, config.Auth.SecretFile, store)
	if err != nil {
		return nil, err
	}
	tlsConfig, err := clientTLS(config.TLS)
	if err != nil {
		return nil, err
	}
	d.reloads.tls = tlsConfig
	if d.listeners, err = listen(config, dataDir); err != nil {
		return nil, err
	}
	d.closers = append(d.closers, d.listeners.close)
	if err := d.join(ctx, store); err != nil {
		return nil, err
	}
	d.cache = catalog.NewCache(catalog.CacheConfig{
		Store:       store,
		MaxAge:      time.Duration(config.Catalog.PollInterval),
		NegativeTTL: time.Duration(config.Catalog.NegativeTTL),
	})
	d.closers = append(d.closers, d.cache.Close)
	store = seenStore{store, d.cache.Invalidate, func(t *catalog.Tenant) { d.suspender.Updated(t) }}
	d.store = store
	all := map[string]wake.Driver{"static": static.New(static.Config{})}
	var transfers *transfer.Mover
	if d.process, transfers, err = drivers.process(ctx, config.Wake.Process, dataDir, d.boot(), log); err != nil {
		return nil, err
	}
	if d.process != nil {
		all["process"] = d.process
		d.closers = append(d.closers, d.process.Close)
		if d.database, err = drivers.database(config, dataDir, d.process, log); err != nil {
			return nil, err
		}
		all["database"] = d.database
		d.closers = append(d.closers, d.database.Close)
	}
	newcomers, err := d.newcomers(config)
	if err != nil {
		return nil, err
	}
	d.gate = wake.NewGate(wake.GateConfig{
		Store:         store,
		Drivers:       all,
		Fleet:         d.gateFleet(),
		Owner:         d.boot(),
		MaxConcurrent: config.Wake.MaxConcurrent,
		Timeout:       bound(config.Wake.Timeout),
		Release: func(ctx context.Context, id catalog.TenantID, force bool) error {
			return d.proxy.Release(ctx, id, force)
		},
		ReleaseIdle: func(ctx context.Context, t *catalog.Tenant, since time.Time) error {
			return d.proxy.ReleaseIdle(ctx, t, since)
		},
		Admit: func(t *catalog.Tenant) (func(), error) { return d.suspender.Admit(t) },
		Freeze: func(t *catalog.Tenant, since time.Time) ([]uint32, error) {
			return d.proxy.Freeze(t, since)
		},
		Thaw:           func(t *catalog.Tenant) { d.proxy.Thaw(t) },
		Moved:          func(t *catalog.Tenant, awake bool) { d.suspender.Moved(t, awake) },
		Observe:        metrics.Wake,
		ObserveSuspend: countSuspend(metrics),
		Log:            log,
	})
	d.closers = append(d.closers, d.gate.Close)
	d.tenants = &superuser.Tenants{Gate: d.gate, Store: store, Changed: d.cache.Invalidate, Log: log}
	d.closers = append(d.closers, d.tenants.Close)
	background := newBackground()
	d.closers = append(d.closers, background.close)
	loop, err := newLoop(config.Pool.Engine)
	if err != nil {
		return nil, err
	}
	if loop != nil {
		d.closers = append(d.closers, loop.Close)
	}
	d.proxy = proxy.New(proxy.Config{
		Router: router.New(router.Config{
			Domains: config.Router.Domains, Separator: config.Router.Separator, Hostnames: d.cache,
		}),
		Catalog:   d.cache,
		Greetings: store,
		Gate:      d.gate,
		Roles:     d.tenants,
		Newcomers: newcomers,
		Secret:    secret,
		Fleet:     d.proxyFleet(),
		Loop:      loop,
		Console:   d.console(),
		Dropped:   func(uid string, used time.Time) { d.suspender.Used(uid, used) },
		Metrics:   metrics,
		Log:       log,
		Settings:  proxySettings(config, tlsConfig),
	})
	d.closers = append(d.closers, d.endSessions)
	suspender := wake.SuspenderConfig{
		Gate:     d.gate,
		Clients:  d.proxy,
		Settings: suspenderSettings(config.Wake),
		Log:      log,
	}
	if d.process != nil {
		suspender.Short = d.process.MemoryShort
	}
	d.suspender = wake.NewSuspender(suspender)
	d.api = api.New(api.Config{
		Store:         store,
		Instances:     d.gate,
		Roles:         d.tenants,
		Databases:     d.tenants,
		Mover:         mover{d.gate, d.proxy, transfers},
		Sessions:      sessions{d.proxy, d.suspender},
		Operations:    store,
		Background:    background.do,
		NewCredential: newCredential,
		URL:           d.url,
		Drivers:       drivers.names(d.process != nil),
		Region:        config.Router.Region,

		AllowedExtensions: config.Wake.Process.Extensions,

		Log: log,
	})
	return d, nil
}

// run serves until ctx ends, then drains. Everything that it started has ended
// when it returns, but for the instances.
func (d *daemon) run(ctx context.Context) error {
	d.warnNotYet()
	group, working := errgroup.WithContext(ctx)
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	api := &http.Server{Handler: d.controlHandler(), BaseContext: func(net.Listener) context.Context { return background }}
	public := &http.Server{Handler: d.publicHandler(), ReadHeaderTimeout: 10 * time.Second}

	group.Go(func() error { return d.proxy.Serve(d.listeners.postgres) })
	group.Go(func() error { return serveHTTP(public, d.listeners.http) })
	group.Go(func() error { return serveHTTP(api, d.listeners.control) })
	group.Go(func() error { return ended(background, d.cache.Run(background)) })
	group.Go(func() error { return d.adopt(background) })
	if d.member != nil {
		group.Go(func() error { return d.member.Run(background) })
	}
	group.Go(func() error { return d.suspender.Run(background) })
	if d.process != nil {
		group.Go(func() error { return d.process.Run(background) })
		group.Go(func() error { return d.database.Run(background) })
	}
	group.Go(func() error { return d.emptyTrash(background) })
	group.Go(func() error { return returnMemory(background) })
	group.Go(func() error { return d.followConfiguration(background) })
	group.Go(func() error {
		d.end(working)
		stop()
		public.Close()
		return api.Close()
	})
	d.log.Info("ready", "postgres", d.listeners.postgres.Addr().String(),
		"http", d.listeners.http.Addr().String(), "data_dir", d.dataDir)
	return group.Wait()
}

// endSessions ends those that a drain has left, and the pools; it is for close.
func (d *daemon) endSessions() {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	d.proxy.Drain(now)
}

// emptyTrash removes what was deleted long enough ago, now and every hour.
func (d *daemon) emptyTrash(ctx context.Context) error {
	if d.process == nil {
		return nil
	}
	ticker := time.NewTicker(time.Hour)
	defer ticker.Stop()
	for {
		for _, empty := range []func(context.Context, time.Time) (int, error){d.process.EmptyTrash, d.database.EmptyTrash} {
			if _, err := empty(ctx, time.Now()); err != nil && ctx.Err() == nil {
				d.log.Warn("cannot empty the trash", "error", err)
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// close gives back what newDaemon took, in reverse.
func (d *daemon) close() {
	for i := len(d.closers) - 1; i >= 0; i-- {
		d.closers[i]()
	}
	d.closers = nil
}

// ended returns err unless it is there because ctx has ended.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// newLoop starts the event loop if the configuration wants one and the system has
// one; nil if not.
func newLoop(setting string) (*engine.Loop, error) {
	if setting == "goroutine" {
		return nil, nil
	}
	loop, err := engine.NewLoop(engine.LoopConfig{
		// A tenant's clients share one. The other half of the processors is for the
		// logins, and for PostgreSQL where it is on the same machine.
		Loops: max(1, runtime.GOMAXPROCS(0)/2),
		Idle:  func(lease any) { lease.(*pool.Lease).Inspect() },
	})
	switch {
	case err != nil && setting == "auto":
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("pool.engine = %q: %w", setting, err)
	}
	return loop, nil
}

// newCredential makes the verifier of a password, and the password if it is "".
func newCredential(password string) (verifier, pw string, err error) {
	if password == "" {
		password = auth.NewPassword()
	}
	return auth.NewVerifier(password).String(), password, nil
}

// lockDataDir makes the data directory and takes its lock, which one Postern
// holds at a time. The lock goes with the process.
func lockDataDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, &exitError{
			code: exitConflict,
			err:  fmt.Errorf("another Postern runs on the data directory %s", dir),
			hint: "Stop it, or give another --data-dir.",
		}
	}
	return f, nil
}
