package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"postern/catalog"
	"postern/catalog/api"
	"postern/catalog/api/client"
	"postern/catalog/pgstore"
	"postern/configs"
	"postern/wake"
	"postern/wake/postgres"
	"postern/wake/process"
)

// devDomain is where every tenant has a name on this machine: RFC 6761 leads
// *.localhost to the loopback address.
const devDomain = "db.localhost"

// demoTenant is made on the first run.
const demoTenant = "demo"

// developer is `postern dev`: a daemon with a catalog of its own.
type developer struct {
	app         *app
	dataDir     string
	keepRunning bool
	drivers     driverOptions
	overrides   map[string]string // by flags
	config      configs.Config
	log         *slog.Logger
	level       *slog.LevelVar
	hangups     chan os.Signal
}

// newDevCommand returns `postern dev`.
func newDevCommand(a *app) *cobra.Command {
	d := &developer{app: a, drivers: driverOptions{needProcess: true}}
	var listen, httpListen, pgUser, idleTimeout string
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run everything on this machine, with nothing to prepare",
		Long: `Run everything on this machine, with nothing to prepare: a catalog, a certificate
authority, the process driver and the API, all within the data directory. The
first run makes the tenant "demo" and prints how to connect to it.

INT or TERM drains, suspends every tenant and stops the catalog; a second signal
does not wait for clients. HUP reads the files again that the environment names. After a crash the next start finds what still runs.`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.overrides = map[string]string{}
			for key, flag := range map[string]*string{
				"listen.postgres": &listen, "http.listen": &httpListen, "wake.process.pg_user": &pgUser, "wake.idle_timeout": &idleTimeout,
			} {
				if *flag != "" {
					d.overrides[key] = *flag
				}
			}
			d.hangups = catchHangups()
			defer signal.Stop(d.hangups)
			return d.prepare(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&d.dataDir, "data-dir", "", "`directory` that everything is kept in (default: $POSTERN_DATA_DIR, else /var/lib/postern as root, else $XDG_DATA_HOME/postern, else ~/.local/share/postern)")
	flags.StringVar(&listen, "listen", "", "`address` for the Postgres protocol (default: 127.0.0.1:6432)")
	flags.StringVar(&httpListen, "http", "", "`address` for health and metrics (default: 127.0.0.1:6480)")
	flags.StringVar(&d.drivers.search.BinDir, "pg-bin", "", "`directory` with PostgreSQL's programs (default: $POSTERN_PG_BIN, else looked for)")
	flags.StringVar(&pgUser, "pg-user", "", "`account` that instances run as where Postern is root (default: postgres)")
	flags.StringVar(&idleTimeout, "idle-timeout", "", "suspend a tenant after this `duration` without work (default: 5m)")
	flags.BoolVar(&d.keepRunning, "keep-running", false, "leave tenants and catalog running at the end")
	return cmd
}

// prepare checks everything that can be wrong before anything is started.
func (d *developer) prepare(ctx context.Context) (err error) {
	d.drivers.search.Env = d.app.getenv
	if d.dataDir, err = d.app.absoluteDataDir(d.dataDir); err != nil {
		return err
	}
	if d.config, err = d.read(); err != nil {
		return err
	}
	if d.log, d.level, err = newLogger(d.config.Log, d.app.stderr, d.app.terminal); err != nil {
		return err
	}
	installations, user, err := d.drivers.postgres(ctx, d.config.Wake.Process)
	if err != nil {
		return err
	}
	lock, err := lockDataDir(d.dataDir)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := d.certify(&d.config); err != nil {
		return err
	}
	return d.withCatalog(ctx, installations, user)
}

// read returns the configuration of flags and environment.
func (d *developer) read() (configs.Config, error) {
	base := configs.Default()
	base.Router.Domains = []string{devDomain}
	return base.Overlay("", d.app.env, d.overrides)
}

// certify adds the certificate that dev makes, if there is no other.
func (d *developer) certify(config *configs.Config) error {
	if len(config.TLS.Certificates) > 0 {
		return nil
	}
	certificate, err := devCertificate(d.dataDir, time.Now())
	if err == nil {
		config.TLS.Certificates = []configs.Certificate{certificate}
	}
	return err
}

// readAgain is read for a reload, with what dev has added at its start.
func (d *developer) readAgain() (configs.Config, error) {
	config, err := d.read()
	if err != nil {
		return config, err
	}
	if _, ok := config.Auth.AdminUsers[consoleUser]; !ok {
		users := maps.Clone(config.Auth.AdminUsers)
		if users == nil {
			users = map[string]string{}
		}
		users[consoleUser] = d.config.Auth.AdminUsers[consoleUser]
		config.Auth.AdminUsers = users
	}
	return config, d.certify(&config)
}

// withCatalog starts the catalog's own instance, which is no tenant, around run.
func (d *developer) withCatalog(ctx context.Context, installations []postgres.Installation, user postgres.User) error {
	fixed, err := process.NewFixed(process.FixedConfig{
		Dir:           filepath.Join(d.dataDir, "catalog"),
		Database:      "postern",
		Installations: installations,
		User:          user,
	})
	if err != nil {
		return err
	}
	defer fixed.Release()
	endpoint, err := fixed.Start(ctx)
	if err != nil {
		return fmt.Errorf("start the catalog (its log is %s): %w", fixed.Log(), err)
	}
	err = d.run(ctx, endpoint)
	if d.keepRunning {
		return err
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if stopErr := fixed.Stop(stopping); stopErr != nil {
		err = errors.Join(err, fmt.Errorf("stop the catalog: %w", stopErr))
	}
	return err
}

// stopTimeout bounds the stop of every instance at the end.
const stopTimeout = time.Minute

// run runs the daemon over the catalog, greets the developer, and suspends the
// tenants at the end.
func (d *developer) run(ctx context.Context, catalogEndpoint wake.Endpoint) error {
	store, err := pgstore.Open(ctx, pgstore.Config{URL: catalogURL(catalogEndpoint), Log: d.log})
	if err != nil {
		return err
	}
	password, err := withConsoleUser(&d.config, d.dataDir)
	if err != nil {
		store.Close()
		return err
	}
	daemon, err := newDaemon(ctx, d.config, d.dataDir, store, store.Close, d.drivers, d.log)
	if err != nil {
		return err
	}
	defer daemon.close()
	daemon.reloadFrom(source{read: d.readAgain, level: d.level, hangups: d.hangups, first: fingerprintOf("", d.config)})
	if err := writeConsoleDSN(d.dataDir, daemon.listeners.postgres.Addr(), password); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return daemon.run(ctx) })
	group.Go(func() error { return ended(ctx, d.greet(ctx)) })
	err = group.Wait()
	if d.keepRunning {
		return err
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return errors.Join(err, daemon.suspendAll(stopping), daemon.process.StopSpares(stopping))
}

// catalogURL is how the catalog's superuser connects over its private socket.
func catalogURL(e wake.Endpoint) string {
	return fmt.Sprintf("host='%s' port=%d user=%s dbname=postern application_name=postern",
		escapeConnValue(filepath.Dir(e.Address)), postgres.DefaultPort, e.Superuser)
}

// greet makes the demo tenant if this is the first run, and says how to connect.
func (d *developer) greet(ctx context.Context) error {
	c := client.Socket(controlSocket(d.dataDir))
	defer c.Close()
	tenant, err := c.CreateTenant(ctx, api.CreateTenant{ID: demoTenant})
	var problem *api.Problem
	switch {
	case err == nil:
		fmt.Fprintf(d.app.stdout, "psql '%s'\n", tenant.URL)
		fmt.Fprintf(d.app.stderr, "Connect with the line above; the password is not shown again.\n")
	case errors.As(err, &problem) && problem.Status == http.StatusConflict:
		d.known(ctx, c)
	default:
		return fmt.Errorf("make the tenant %s: %w", demoTenant, err)
	}
	fmt.Fprintf(d.app.stderr, "More tenants: postern tenant create ID --data-dir '%s'\n", d.dataDir)
	return nil
}

// known says how to connect to a demo tenant of an earlier run.
func (d *developer) known(ctx context.Context, c *client.Client) {
	tenant, err := c.GetTenant(ctx, demoTenant)
	if err != nil || tenant.State == catalog.Deleting {
		return // it was deleted, and is not made again
	}
	fmt.Fprintf(d.app.stdout, "psql '%s'\n", tenant.URL)
	fmt.Fprintf(d.app.stderr, "The password was shown when the tenant was made; another: postern tenant reset-password %s\n", demoTenant)
}
