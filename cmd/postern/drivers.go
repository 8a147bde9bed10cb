package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"postern/configs"
	"postern/wake/database"
	"postern/wake/postgres"
	"postern/wake/process"
	"postern/wake/transfer"
)

// driverOptions is what serve and dev want of the drivers.
type driverOptions struct {
	// search says where PostgreSQL's programs are.
	search postgres.Search
	// needProcess: without PostgreSQL on this machine Postern is of no use.
	needProcess bool
}

// process returns the process driver of the proxy with that boot id, nil if it is not
// needed and there is no PostgreSQL here, and what moves tenants between it and others.
func (o driverOptions) process(ctx context.Context, config configs.Process, dataDir, proxy string, log *slog.Logger) (*process.Driver, *transfer.Mover, error) {
	installations, user, err := o.postgres(ctx, config)
	var missing *postgres.MissingError
	if errors.As(err, &missing) && !o.needProcess {
		log.Info("no PostgreSQL on this machine: the drivers process and database are off")
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	driver, err := process.New(process.Config{
		DataDir:       cmp.Or(config.DataDir, dataDir),
		Installations: installations,
		User:          user,
		Settings:      config.Postgres,
		KeepDeleted:   max(time.Duration(config.KeepDeleted), time.Nanosecond), // 0 is "not at all"
		Prepared:      config.Prepared,
		Proxy:         proxy,
		Spares:        config.Spares,
		Log:           log,
	})
	return driver, transfer.New(transfer.Config{Installations: installations}), err
}

// database returns the driver for tenants that share an instance, which instances
// runs.
func (o driverOptions) database(config configs.Config, dataDir string, instances *process.Driver, log *slog.Logger) (*database.Driver, error) {
	return database.New(database.Config{
		DataDir:     cmp.Or(config.Wake.Process.DataDir, dataDir),
		Instances:   instances,
		Settings:    config.Wake.Process.Postgres,
		Connections: cmp.Or(config.Pool.MaxDBConnections, config.Pool.DefaultPoolSize+config.Pool.ReservePoolSize),
		KeepDeleted: max(time.Duration(config.Wake.Process.KeepDeleted), time.Nanosecond), // 0 is "not at all"
		Log:         log,
	})
}

// postgres finds PostgreSQL and the account that it runs as.
func (o driverOptions) postgres(ctx context.Context, config configs.Process) ([]postgres.Installation, postgres.User, error) {
	installations, err := postgres.Find(ctx, o.search)
	if err != nil {
		return nil, postgres.User{}, missingPostgres(err)
	}
	if os.Geteuid() != 0 {
		return installations, postgres.User{}, nil
	}
	user, err := postgres.LookupUser(config.PGUser)
	if err != nil {
		return nil, postgres.User{}, &exitError{
			code: exitUsage, err: err,
			hint: "PostgreSQL refuses to run as root: name another account with --pg-user or wake.process.pg_user.",
		}
	}
	return installations, user, nil
}

// missingPostgres gives the lack of PostgreSQL its exit code.
func missingPostgres(err error) error {
	var missing *postgres.MissingError
	if !errors.As(err, &missing) {
		return err
	}
	return &exitError{code: exitUsage, err: err, hint: "Install the package " + missing.Package() + ", or name its programs with --pg-bin."}
}

// names lists the drivers that tenants may have, the default one first.
func (o driverOptions) names(process bool) []string {
	if process {
		return []string{"process", "database", "static"}
	}
	return []string{"static"}
}
