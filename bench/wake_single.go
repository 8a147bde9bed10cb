package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/catalog/api"
	"postern/wake/postgres"
)

// cpuRuns is how often the CPU of a start is measured, the steadiest of all.
const cpuRuns = 5

// measureSingle times one tenant after another, in turns with a start by hand.
func (r *wakeResult) measureSingle(ctx context.Context, d *dev) error {
	r.ByHand.Name, r.StopByHand.Name = "start by hand, first row (B)", "stop by hand"
	r.Create.Name, r.Wake.Name, r.Suspend.Name = "create, first row", "asleep, first row", "suspend"
	for i := range r.Options.N {
		id := fmt.Sprintf("single-%d", i)
		tenant, err := d.timeCreate(ctx, id, &r.Create)
		if err != nil {
			return err
		}
		if err := d.timeSuspend(ctx, id, &r.Suspend); err != nil {
			return err
		}
		if err := d.startByHand(ctx, id, &r.ByHand, &r.StopByHand); err != nil {
			return err
		}
		began := time.Now()
		if err := firstRow(ctx, tenant.URL); err != nil {
			return err
		}
		r.Wake.add(time.Since(began))
		if err := d.timeSuspend(ctx, id, &r.Suspend); err != nil {
			return err
		}
		if i < cpuRuns {
			used, err := d.cpuByHand(ctx, id)
			if err != nil {
				return err
			}
			r.WakeCPU.Name = "CPU of a start by hand"
			r.WakeCPU.add(used)
		}
		if _, err := d.client.DeleteTenant(ctx, id, true); err != nil {
			return err
		}
	}
	return nil
}

// measurePrepared times creates where something lies ready for them, as far as
// asked for.
func (r *wakeResult) measurePrepared(ctx context.Context, installation postgres.Installation) error {
	for _, kind := range []struct {
		count   int
		series  *series
		name    string
		setting string
	}{
		{r.Options.Prepared, &r.CreatePrepared, "create from a prepared clone", "POSTERN_WAKE_PROCESS_PREPARED=%d"},
		{r.Options.Spares, &r.CreateSpare, "create from a running spare", "POSTERN_WAKE_PROCESS_SPARES=%d"},
	} {
		if kind.count == 0 {
			continue
		}
		kind.series.Name = kind.name
		if err := r.createReady(ctx, installation, kind.count, fmt.Sprintf(kind.setting, kind.count), kind.series); err != nil {
			return fmt.Errorf("measure %s: %w", kind.name, err)
		}
	}
	return nil
}

// createReady waits until what the setting asks for must be there, and uses it up.
func (r *wakeResult) createReady(ctx context.Context, installation postgres.Installation, count int, setting string, s *series) error {
	d, err := startDev(ctx, installation, setting)
	if err != nil {
		return err
	}
	defer d.stop()
	if err := pause(ctx, time.Duration(5+count)*time.Second); err != nil {
		return err
	}
	for i := range min(count, r.Options.N) {
		if _, err := d.timeCreate(ctx, fmt.Sprintf("ready-%d", i), s); err != nil {
			return err
		}
	}
	return nil
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

// timeCreate makes a tenant and asks it for a row.
func (d *dev) timeCreate(ctx context.Context, id string, s *series) (*api.Tenant, error) {
	began := time.Now()
	tenant, err := d.client.CreateTenant(ctx, api.CreateTenant{ID: id})
	if err != nil {
		return nil, err
	}
	if err := firstRow(ctx, tenant.URL); err != nil {
		return nil, err
	}
	s.add(time.Since(began))
	return tenant, nil
}

func (d *dev) timeSuspend(ctx context.Context, id string, s *series) error {
	began := time.Now()
	_, err := d.client.SuspendTenant(ctx, id, api.SuspendTenant{})
	s.add(time.Since(began))
	return err
}

// cluster is a tenant's, for use by hand.
func (d *dev) cluster(id string) *postgres.Cluster {
	home := filepath.Join(d.dataDir, "tenants", id)
	return &postgres.Cluster{
		Installation: d.installation, User: d.user,
		DataDir: filepath.Join(home, "data"), SocketDir: home, LogFile: filepath.Join(home, "postgres.log"),
	}
}

// superuserDSN leads to a tenant's Postgres past Postern.
func (d *dev) superuserDSN(id string) string {
	return fmt.Sprintf("host='%s' user=postgres dbname=postgres sslmode=disable", d.cluster(id).SocketDir)
}

// startByHand starts the sleeping tenant's postgres as a person would, and stops
// it again.
func (d *dev) startByHand(ctx context.Context, id string, start, stop *series) error {
	began := time.Now()
	instance, err := d.cluster(id).Start(ctx)
	if err != nil {
		return err
	}
	defer instance.Release()
	err = firstRow(ctx, d.superuserDSN(id))
	start.add(time.Since(began))
	began = time.Now()
	err = errors.Join(err, instance.Stop(ctx, postgres.Fast))
	stop.add(time.Since(began))
	return err
}
