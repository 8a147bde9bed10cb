package main

import (
	"os/signal"
	"path/filepath"

	"github.com/spf13/cobra"

	"postern/configs"
	"postern/wake/postgres"
)

// newServeCommand returns `postern serve`.
func newServeCommand(a *app) *cobra.Command {
	var file, dataDir, pgBin string
	cmd := &cobra.Command{
		Use:   "serve --config F",
		Short: "Run one proxy of a fleet",
		Long: `Run one proxy of a fleet, from a TOML file: see 'postern config example'.

TERM lets the clients finish for drain.timeout, then it ends; INT waits until each
is between transactions, however long that takes; a second signal ends them at
once. HUP, and a change of the file, reloads the configuration. Instances that it
started run on, and are found again by the next start.`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			hangups := catchHangups()
			defer signal.Stop(hangups)
			read := func() (configs.Config, error) {
				config, err := configs.Load(file, a.env, nil)
				if err != nil {
					return configs.Config{}, err
				}
				return config, config.Complete()
			}
			config, err := read()
			if err != nil {
				return err
			}
			from := source{read: read, file: file, hangups: hangups, first: fingerprintOf(file, config)}
			if dataDir, err = a.absoluteDataDir(dataDir); err != nil {
				return err
			}
			log, level, err := newLogger(config.Log, a.stderr, a.terminal)
			if err != nil {
				return err
			}
			from.level = level
			lock, err := lockDataDir(dataDir)
			if err != nil {
				return err
			}
			defer lock.Close()
			store, closeStore, err := openStore(cmd.Context(), config.Catalog, log)
			if err != nil {
				return err
			}
			drivers := driverOptions{search: postgres.Search{BinDir: pgBin, Env: a.getenv}}
			d, err := newDaemon(cmd.Context(), config, dataDir, store, closeStore, drivers, log)
			if err != nil {
				return err
			}
			defer d.close()
			d.reloadFrom(from)
			d.interrupted = afterServers
			d.urlByHostname = len(config.Router.Domains) > 0 && len(config.TLS.Certificates) > 0
			return d.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "TOML `file` with the settings")
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "`directory` for tenants and the control socket (default: $POSTERN_DATA_DIR, else as for dev)")
	cmd.Flags().StringVar(&pgBin, "pg-bin", "", "`directory` with PostgreSQL's programs (default: looked for)")
	cmd.MarkFlagRequired("config")
	return cmd
}

// absoluteDataDir returns dir, or the default where it is "".
func (a *app) absoluteDataDir(dir string) (string, error) {
	if dir == "" {
		return a.defaultDataDir()
	}
	return filepath.Abs(dir)
}
