package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/catalog/api"
	"postern/wake/postgres"
)

// benchWake times what a user waits for when a tenant is made, woken and
// suspended. Its base is the same postgres on the same data directory, started
// by hand until SELECT 1 has answered on its Unix socket.
func benchWake(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("wake", flag.ExitOnError)
	n := flags.Int("n", 20, "how often each is measured")
	format := flags.String("o", "table", "table or json")
	pgBin := flags.String("pg-bin", "", "PostgreSQL's programs (default: looked for)")
	flags.Parse(args)

	installations, err := postgres.Find(ctx, postgres.Search{BinDir: *pgBin})
	if err != nil {
		return err
	}
	installation := installations[0]
	d, err := startDev(ctx, installation.BinDir)
	if err != nil {
		return err
	}
	defer d.stop()
	fmt.Fprintf(os.Stderr, "PostgreSQL %s\n", installation.Version)

	byHand := &series{Name: "start by hand, first row"}
	stopByHand := &series{Name: "stop by hand"}
	create := &series{Name: "create, first row"}
	wake := &series{Name: "asleep, first row"}
	suspend := &series{Name: "suspend"}
	for i := range *n {
		id := fmt.Sprintf("bench-%d", i)
		began := time.Now()
		tenant, err := d.client.CreateTenant(ctx, api.CreateTenant{ID: id})
		if err != nil {
			return err
		}
		if err := firstRow(ctx, tenant.URL); err != nil {
			return err
		}
		create.add(time.Since(began))
		if err := d.timeSuspend(ctx, id, suspend); err != nil {
			return err
		}
		if err := d.handStart(ctx, installation, id, byHand, stopByHand); err != nil {
			return err
		}
		began = time.Now()
		if err := firstRow(ctx, tenant.URL); err != nil {
			return err
		}
		wake.add(time.Since(began))
		if err := d.timeSuspend(ctx, id, suspend); err != nil {
			return err
		}
		if _, err := d.client.DeleteTenant(ctx, id, true); err != nil {
			return err
		}
	}
	return reportSeries(os.Stdout, *format, byHand, create, wake, suspend, stopByHand)
}

// firstRow connects and asks for a row.
func firstRow(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var one int
	return conn.QueryRow(ctx, "select 1").Scan(&one)
}

func (d *dev) timeSuspend(ctx context.Context, id string, s *series) error {
	began := time.Now()
	_, err := d.client.SuspendTenant(ctx, id, api.SuspendTenant{})
	s.add(time.Since(began))
	return err
}

// handStart starts the sleeping tenant's postgres as a person would, and stops
// it again.
func (d *dev) handStart(ctx context.Context, installation postgres.Installation, id string, start, stop *series) error {
	home := filepath.Join(d.dataDir, "tenants", id)
	var user postgres.User
	if os.Geteuid() == 0 {
		var err error
		if user, err = postgres.LookupUser("postgres"); err != nil {
			return err
		}
	}
	cluster := &postgres.Cluster{
		Installation: installation, User: user,
		DataDir: filepath.Join(home, "data"), SocketDir: home, LogFile: filepath.Join(home, "postgres.log"),
	}
	began := time.Now()
	instance, err := cluster.Start(ctx)
	if err != nil {
		return err
	}
	defer instance.Release()
	err = firstRow(ctx, fmt.Sprintf("host='%s' user=postgres dbname=postgres sslmode=disable", home))
	start.add(time.Since(began))
	began = time.Now()
	err = errors.Join(err, instance.Stop(ctx, postgres.Fast))
	stop.add(time.Since(began))
	return err
}
