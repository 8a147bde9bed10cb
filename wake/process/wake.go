package process

import (
	"context"
	"errors"
	"fmt"

	"postern/catalog"
	"postern/wake"
	"postern/wake/postgres"
)

// Wake starts the tenant's instance, or adopts it if it runs, frozen or not, and
// returns when it has answered a query. Leftovers of a killed postmaster are ended first. A
// FailedError says what an operator has to mend: a directory of another tenant
// or another owner, binaries that are missing, settings that are refused. When
// ctx ends first, a started instance goes on starting, and the next Wake adopts
// it.
func (d *Driver) Wake(ctx context.Context, t *catalog.Tenant) (wake.Endpoint, error) {
	h := d.tenant(t.ID)
	l, err := h.lockOf(ctx, t)
	if err != nil {
		return wake.Endpoint{}, err
	}
	defer l.release()
	i, err := d.wake(ctx, t, h)
	if err != nil {
		return wake.Endpoint{}, fmt.Errorf("wake tenant %s: %w", t.ID, err)
	}
	return h.endpoint(d.watch(t.ID, i)), nil
}

func (d *Driver) wake(ctx context.Context, t *catalog.Tenant, h home) (*postgres.Instance, error) {
	installation, err := h.choose(d.config.Installations)
	if err != nil {
		return nil, err
	}
	if err := CheckSettings(t.Postgres); err != nil {
		return nil, &wake.FailedError{Reason: err.Error(), Hint: "Correct the tenant's postgres settings."}
	}
	return h.run(ctx, h.cluster(installation), conf(installation.Major, d.config.Settings, t.Postgres))
}

// Status looks at the tenant's instance without touching it. Details has
// data_dir, socket_dir, port, pid (0 while it sleeps) and postgres_version.
func (d *Driver) Status(ctx context.Context, t *catalog.Tenant) (wake.Status, error) {
	h := d.tenant(t.ID)
	var failed *wake.FailedError
	switch err := h.belongs(t); {
	case errors.Is(err, wake.ErrNotProvisioned), errors.As(err, &failed):
		return wake.Status{}, nil
	case err != nil:
		return wake.Status{}, err
	}
	pid := h.cluster(postgres.Installation{}).PID()
	return wake.Status{
		Provisioned: true,
		Running:     pid != 0,
		Details: map[string]any{
			"data_dir": h.dataDir(), "socket_dir": h.socketDir, "port": postgres.DefaultPort,
			"pid": pid, "postgres_version": h.version(d.config.Installations),
		},
		Log: h.logFile(),
	}, nil
}

// version is that of the binaries, or where they are missing that of the data.
func (h home) version(installations []postgres.Installation) string {
	major, err := postgres.DataVersion(h.dataDir())
	if err != nil {
		return ""
	}
	if found, err := postgres.Pick(installations, major); err == nil {
		return found.Version
	}
	return fmt.Sprint(major)
}
