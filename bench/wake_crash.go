package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"

	"postern/catalog/api"
)

// crashWAL is how much WAL is written before a kill, in bytes. At 34 MB
// PostgreSQL begins a checkpoint by itself, since max_wal_size is 64 MB.
const crashWAL = 30e6

// measureCrashes kills postmasters behind a load of WAL and times the first row
// from then on, for a client who tries again at once whatever it is told.
func (r *wakeResult) measureCrashes(ctx context.Context, d *dev) error {
	r.Recovery.Name = "killed, first row"
	for i := range r.Options.Crashes {
		id := fmt.Sprintf("crash-%d", i)
		tenant, err := d.client.CreateTenant(ctx, api.CreateTenant{ID: id})
		if err != nil {
			return err
		}
		if err := d.writeWAL(ctx, id); err != nil {
			return err
		}
		if err := firstRow(ctx, tenant.URL); err != nil {
			return err
		}
		written, err := d.walSinceCheckpoint(ctx, id)
		if err != nil {
			return err
		}
		pid := d.cluster(id).PID()
		if pid == 0 {
			return fmt.Errorf("tenant %s does not run", id)
		}
		if err := unix.Kill(pid, unix.SIGKILL); err != nil {
			return err
		}
		began := time.Now()
		for {
			err := firstRow(ctx, tenant.URL)
			if now := d.cluster(id).PID(); err == nil && now != 0 && now != pid {
				break
			}
			if err == nil {
				continue // a backend has outlived its postmaster by a moment
			}
			r.RecoveryErrors = append(r.RecoveryErrors, err.Error())
			if ctx.Err() != nil || time.Since(began) > time.Minute {
				return err
			}
		}
		r.Recovery.add(time.Since(began))
		r.RecoveredMB = append(r.RecoveredMB, written/1e6)
		if _, err := d.client.DeleteTenant(ctx, id, true); err != nil {
			return err
		}
	}
	return nil
}

// writeWAL fills a table with an index behind a checkpoint.
func (d *dev) writeWAL(ctx context.Context, id string) error {
	conn, err := pgx.Connect(ctx, d.superuserDSN(id))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, statement := range []string{"create table bench (n bigserial primary key, t text)", "checkpoint"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	for range 1000 {
		if written, err := walSinceCheckpoint(ctx, conn); err != nil || written >= crashWAL {
			return err
		}
		if _, err := conn.Exec(ctx, "insert into bench (t) select md5(g::text) from generate_series(1, 5000) g"); err != nil {
			return err
		}
	}
	return fmt.Errorf("less than %g bytes of WAL after a thousand inserts", crashWAL)
}

func (d *dev) walSinceCheckpoint(ctx context.Context, id string) (float64, error) {
	conn, err := pgx.Connect(ctx, d.superuserDSN(id))
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	return walSinceCheckpoint(ctx, conn)
}

// walSinceCheckpoint is how many bytes a recovery would have to replay.
func walSinceCheckpoint(ctx context.Context, conn *pgx.Conn) (written float64, err error) {
	err = conn.QueryRow(ctx, "select pg_wal_lsn_diff(pg_current_wal_lsn(), redo_lsn)::float8 from pg_control_checkpoint()").Scan(&written)
	return written, err
}
