package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/catalog"
	"postern/catalog/api"
	"postern/wake/postgres"
)

// measureFrozen times the query of a client that stays connected while its tenant is
// frozen: a Postern of its own freezes whatever does nothing for a second.
func (r *wakeResult) measureFrozen(ctx context.Context, installation postgres.Installation) error {
	r.Thaw.Name = "frozen, first row"
	d, err := startDev(ctx, installation, "POSTERN_WAKE_PROCESS_FREEZE_AFTER=1s", "POSTERN_WAKE_PROCESS_PREPARED=0")
	if err != nil {
		return err
	}
	defer d.stop()
	tenant, err := d.client.CreateTenant(ctx, api.CreateTenant{ID: "frozen"})
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, tenant.URL)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for n := range r.Options.N + 1 {
		began := time.Now()
		var one int
		if err := conn.QueryRow(ctx, "select 1").Scan(&one); err != nil {
			return err
		}
		if n > 0 { // the first one found it awake
			r.Thaw.add(time.Since(began))
		}
		if err := d.awaitState(ctx, tenant.ID, catalog.Frozen); err != nil {
			return err
		}
	}
	return nil
}

// awaitState waits for what must happen within seconds.
func (d *dev) awaitState(ctx context.Context, id string, want catalog.State) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		tenant, err := d.client.GetTenant(ctx, id)
		if err != nil {
			return err
		}
		if tenant.State == want {
			return pause(ctx, 100*time.Millisecond) // it is filed before it is done
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("tenant %s is %s, not %s: %w", id, tenant.State, want, err)
		}
	}
}
