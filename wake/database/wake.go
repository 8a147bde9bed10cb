package database

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"postern/catalog"
	"postern/wake"
)

// Wake starts the shared instance if it sleeps, and marks the tenant awake when its
// database has been found there. A FailedError says what is missing.
func (d *Driver) Wake(ctx context.Context, t *catalog.Tenant) (wake.Endpoint, error) {
	switch s, err := d.marks.standing(t.UID); {
	case err != nil:
		return wake.Endpoint{}, err
	case s != made:
		return wake.Endpoint{}, wake.ErrNotProvisioned
	}
	leave, err := d.enter(ctx)
	if err != nil {
		return wake.Endpoint{}, err
	}
	defer leave()
	e, err := d.wake(ctx, t)
	if err != nil {
		return wake.Endpoint{}, fmt.Errorf("wake tenant %s: %w", t.ID, err)
	}
	return e, nil
}

func (d *Driver) wake(ctx context.Context, t *catalog.Tenant) (wake.Endpoint, error) {
	if err := check(t); err != nil {
		return wake.Endpoint{}, err
	}
	r, err := d.start(ctx)
	if errors.Is(err, wake.ErrNotProvisioned) {
		return wake.Endpoint{}, &wake.FailedError{
			Reason: "the instance that the tenant shares is gone",
			Hint:   "Restore its data directory from a backup, or delete the tenant.",
		}
	}
	if err != nil {
		return wake.Endpoint{}, err
	}
	e := d.endpoint(r, t)
	if err := d.find(ctx, e, t); err != nil {
		return wake.Endpoint{}, err
	}
	return d.awaken(r, e, t)
}

// find asks the instance for the tenant's database.
func (d *Driver) find(ctx context.Context, e wake.Endpoint, t *catalog.Tenant) error {
	conn, err := d.connect(ctx, e)
	if err != nil {
		return err
	}
	defer conn.Close()
	if len(t.Databases) == 0 {
		return conn.Ping(ctx)
	}
	for _, name := range t.Databases {
		there, err := conn.HasShare(ctx, name)
		if there || err != nil {
			return err
		}
	}
	return &wake.FailedError{
		Reason: fmt.Sprintf("the tenant's databases are not in the shared instance: %s is missing", e.Share.Database(t.Databases[0])),
		Hint:   "Restore them from a backup, or delete the tenant.",
	}
}

// awaken marks the tenant awake.
func (d *Driver) awaken(r *run, e wake.Endpoint, t *catalog.Tenant) (wake.Endpoint, error) {
	token, err := d.marks.wake(t.UID, r.endpoint.Run)
	if err != nil {
		return wake.Endpoint{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	a, known := d.awake[t.UID]
	if known && a.token != token { // it has slept meanwhile, by another proxy
		close(a.gone)
	}
	if !known || a.token != token {
		a = wakefulness{token, make(chan struct{})}
		d.awake[t.UID] = a
	}
	if d.run != r { // the instance has just ended
		close(a.gone)
		delete(d.awake, t.UID)
	}
	e.Run, e.Gone = r.endpoint.Run+"/"+token, a.gone
	return e, nil
}

// Status looks at the marks, and asks about the instance. Details has those of the
// instance, and databases: what the tenant's are called there. There is no log to
// show: it is that of all tenants.
func (d *Driver) Status(ctx context.Context, t *catalog.Tenant) (wake.Status, error) {
	s, err := d.marks.standing(t.UID)
	if err != nil || s != made {
		return wake.Status{}, err
	}
	instance, err := d.config.Instances.Status(ctx, d.instance)
	if err != nil {
		return wake.Status{}, err
	}
	awake, err := d.marks.isAwake(t.UID)
	if err != nil {
		return wake.Status{}, err
	}
	running := awake && instance.Running
	return wake.Status{Provisioned: true, Running: running, Details: d.details(t, instance.Details, running)}, nil
}

// details adds to those of the instance what the tenant's names are there. A tenant
// that sleeps has no postmaster, whoever else has.
func (d *Driver) details(t *catalog.Tenant, instance map[string]any, running bool) map[string]any {
	share, names := d.share(t), make(map[string]string, len(t.Databases))
	for _, name := range t.Databases {
		names[name] = share.Database(name)
	}
	details := maps.Clone(instance)
	if details == nil {
		details = make(map[string]any)
	}
	details["databases"], details["role_prefix"] = names, share.RolePrefix()
	if _, ok := details["pid"]; ok && !running {
		details["pid"] = 0
	}
	return details
}
