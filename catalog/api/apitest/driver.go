package apitest

import (
	"context"
	"slices"
	"sync"

	"postern/catalog"
	"postern/wake"
)

// Driver runs instances that are entries of a map, as a real driver runs
// processes. It is safe for concurrent use.
type Driver struct {
	mu        sync.Mutex
	instances map[string]*instance // by UID; under mu
	log       string               // under mu
	failure   error                // under mu
	starts    int                  // under mu
}

var _ wake.Driver = (*Driver)(nil)

// instance is one Postgres, as far as the API can tell.
type instance struct {
	running    bool
	kept       bool     // destroyed, but can be restored
	because    []string // what it is busy with
	roles      map[string]string
	databases  []string
	extensions []string // as database.extension
}

// Fail makes every instance fail with err to be made or woken, until Fail(nil).
func (d *Driver) Fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failure = err
}

// Busy gives every instance this work, or none.
func (d *Driver) Busy(because ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, i := range d.instances {
		i.because = because
	}
}

// Lose removes all instances with their data behind everybody's back.
func (d *Driver) Lose() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.instances)
}

// LogTo says which file is every instance's own log.
func (d *Driver) LogTo(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log = name
}

// Starts returns how often an instance was started.
func (d *Driver) Starts() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.starts
}

// Verifiers returns the roles that t's instance has, with their verifiers.
func (d *Driver) Verifiers(t *catalog.Tenant) map[string]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.instances[t.UID].roles
}

// Provision implements wake.Driver.
func (d *Driver) Provision(_ context.Context, t *catalog.Tenant) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failure != nil {
		return d.failure
	}
	if d.instances[t.UID] == nil {
		roles := make(map[string]string)
		for name, role := range t.Roles {
			roles[name] = role.Verifier
		}
		d.instances[t.UID] = &instance{roles: roles, databases: slices.Clone(t.Databases)}
	}
	return nil
}

// Wake implements wake.Driver.
func (d *Driver) Wake(_ context.Context, t *catalog.Tenant) (wake.Endpoint, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := d.instances[t.UID]
	switch {
	case i == nil || i.kept:
		return wake.Endpoint{}, wake.ErrNotProvisioned
	case d.failure != nil:
		return wake.Endpoint{}, d.failure
	case !i.running:
		i.running = true
		d.starts++
	}
	return wake.Endpoint{Network: "unix", Address: "/nowhere", Run: t.UID}, nil
}

// Suspend implements wake.Driver.
func (d *Driver) Suspend(_ context.Context, t *catalog.Tenant, s wake.Suspension) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := d.instances[t.UID]
	if i == nil || !i.running {
		return nil
	}
	if len(i.because) > 0 && !s.Force {
		return &wake.BusyError{Because: i.because}
	}
	i.running, i.because = false, nil
	return nil
}

// Status implements wake.Driver.
func (d *Driver) Status(_ context.Context, t *catalog.Tenant) (wake.Status, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	status := wake.Status{Log: d.log}
	if i := d.instances[t.UID]; i != nil && !i.kept {
		status.Provisioned, status.Running = true, i.running
		status.Details = map[string]any{"data_dir": "/nowhere/" + string(t.ID), "socket_dir": "/nowhere", "port": 5432, "pid": 0}
	}
	return status, nil
}

// Destroy implements wake.Driver.
func (d *Driver) Destroy(_ context.Context, t *catalog.Tenant, purge bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := d.instances[t.UID]; i != nil {
		i.running, i.kept = false, true
	}
	if purge {
		delete(d.instances, t.UID)
	}
	return nil
}

// Restore implements wake.Driver.
func (d *Driver) Restore(_ context.Context, t *catalog.Tenant) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := d.instances[t.UID]
	if i == nil {
		return wake.ErrNotProvisioned
	}
	i.kept = false
	return nil
}

// Capabilities implements wake.Driver.
func (d *Driver) Capabilities() wake.Capabilities {
	return wake.Capabilities{Provision: true, Suspend: true, Superuser: true}
}
