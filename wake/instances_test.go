package wake

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/catalog"
)

// instances is a Driver whose instances live in memory. It checks that no two
// calls for one tenant overlap.
type instances struct {
	t            testing.TB
	capabilities Capabilities
	// take is how long a call takes, by its name; those in fail fail then, once
	// for each error that is listed.
	take map[string]time.Duration
	// stopping, if set, is called when an instance is stopped; enclose, if set, must
	// call stop, which does that.
	stopping func(id catalog.TenantID)
	// freezing, if set, is called when an instance is frozen.
	freezing func(id catalog.TenantID)
	enclose  func(id catalog.TenantID, stop func())

	mu    sync.Mutex
	fail  map[string][]error // under mu
	known map[catalog.TenantID]*instance
	calls []string // under mu: all that began, in order
	runs  int      // under mu
	now   int      // under mu: Wakes under way
	most  int      // under mu: of those
}

type instance struct {
	busy   bool // a call is under way
	there  bool
	kept   bool // destroyed, and not purged
	gone   chan struct{}
	run    string // "" while it sleeps
	client bool   // has work of its own
	frozen bool
}

func newInstances(t testing.TB) *instances {
	return &instances{
		t: t, capabilities: Capabilities{Provision: true, Suspend: true},
		take: map[string]time.Duration{"wake": 20 * time.Millisecond, "suspend": 10 * time.Millisecond, "provision": 100 * time.Millisecond, "destroy": 10 * time.Millisecond, "freeze": 5 * time.Millisecond, "thaw": time.Millisecond},
		fail: make(map[string][]error), known: make(map[catalog.TenantID]*instance),
	}
}

// begin notes a call and takes its time; the caller calls end.
func (d *instances) begin(ctx context.Context, call string, id catalog.TenantID) (i *instance, err error) {
	d.mu.Lock()
	i = d.known[id]
	if i == nil {
		i = &instance{}
		d.known[id] = i
	}
	if i.busy {
		d.t.Errorf("two calls at once for %s: the second is %s", id, call)
	}
	i.busy = true
	d.calls = append(d.calls, call+" "+string(id))
	if call == "wake" {
		d.now++
		d.most = max(d.most, d.now)
	}
	if waiting := d.fail[call]; len(waiting) > 0 {
		err, d.fail[call] = waiting[0], waiting[1:]
	}
	take := d.take[call]
	d.mu.Unlock()
	timer := time.NewTimer(take)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	d.mu.Lock()
	return i, err
}

// end ends a call. Called under mu, which it unlocks.
func (d *instances) end(i *instance, call string) {
	i.busy = false
	if call == "wake" {
		d.now--
	}
	d.mu.Unlock()
}

func (d *instances) Provision(ctx context.Context, t *catalog.Tenant) error {
	i, err := d.begin(ctx, "provision", t.ID)
	defer d.end(i, "provision")
	if err == nil {
		i.there = true
	}
	return err
}

func (d *instances) Wake(ctx context.Context, t *catalog.Tenant) (Endpoint, error) {
	i, err := d.begin(ctx, "wake", t.ID)
	defer d.end(i, "wake")
	switch {
	case err != nil:
		return Endpoint{}, err
	case !i.there:
		return Endpoint{}, ErrNotProvisioned
	case i.run == "":
		d.runs++
		i.run, i.gone = fmt.Sprint(d.runs), make(chan struct{})
	}
	i.frozen = false
	return Endpoint{Network: "unix", Address: "/" + string(t.ID), Run: i.run, Gone: i.gone}, nil
}

func (d *instances) Suspend(ctx context.Context, t *catalog.Tenant, s Suspension) error {
	i, err := d.begin(ctx, "suspend", t.ID)
	defer d.end(i, "suspend")
	switch {
	case err != nil:
		return err
	case i.run == "":
		return nil
	case i.client && !s.Force:
		return &BusyError{Because: []string{"a client"}}
	case isClosed(s.Wanted):
		return &BusyError{Because: []string{"somebody who has come"}}
	}
	i.frozen = false
	if s.Roles != nil {
		if err := s.Roles(ctx, map[string]catalog.Role{"app": {Name: "app", CanLogin: true, Verifier: "as in pg_authid"}}); err != nil {
			return err
		}
	}
	if d.stopping != nil {
		d.mu.Unlock()
		d.stopping(t.ID)
		d.mu.Lock()
	}
	d.stopAsAsked(t.ID, i)
	return nil
}

func (d *instances) Freeze(ctx context.Context, t *catalog.Tenant, f Freezing) error {
	i, err := d.begin(ctx, "freeze", t.ID)
	defer d.end(i, "freeze")
	switch {
	case err != nil:
		return err
	case i.run == "":
		return ErrNotProvisioned
	case i.client, isClosed(f.Wanted):
		return &BusyError{Because: []string{"a client"}}
	}
	if f.Unheld != nil {
		d.mu.Unlock()
		err := f.Unheld(ctx)
		d.mu.Lock()
		if err != nil {
			return err
		}
	}
	if d.freezing != nil {
		d.mu.Unlock()
		d.freezing(t.ID)
		d.mu.Lock()
	}
	i.frozen = i.run != ""
	return nil
}

func (d *instances) Thaw(ctx context.Context, t *catalog.Tenant) error {
	i, err := d.begin(ctx, "thaw", t.ID)
	defer d.end(i, "thaw")
	if err == nil {
		i.frozen = false
	}
	return err
}

func (d *instances) Destroy(ctx context.Context, t *catalog.Tenant, purge bool) error {
	i, err := d.begin(ctx, "destroy", t.ID)
	defer d.end(i, "destroy")
	if err != nil {
		return err
	}
	d.stopAsAsked(t.ID, i)
	i.kept = (i.there || i.kept) && !purge
	i.there = false
	return nil
}

func (d *instances) Restore(ctx context.Context, t *catalog.Tenant) error {
	i, err := d.begin(ctx, "restore", t.ID)
	defer d.end(i, "restore")
	if err == nil && !i.there && !i.kept {
		err = ErrNotProvisioned
	}
	if err == nil {
		i.there, i.kept = true, false
	}
	return err
}

func (d *instances) Status(_ context.Context, t *catalog.Tenant) (Status, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if waiting := d.fail["status"]; len(waiting) > 0 {
		d.fail["status"] = waiting[1:]
		return Status{}, waiting[0]
	}
	i := d.known[t.ID]
	return Status{Provisioned: i != nil && i.there, Running: i != nil && i.run != ""}, nil
}

func (d *instances) Capabilities() Capabilities { return d.capabilities }

// stop ends an instance. Called under mu.
func (d *instances) stop(i *instance) {
	if i.run != "" {
		close(i.gone)
	}
	i.run, i.client, i.frozen = "", false, false
}

// stopAsAsked ends an instance by a call. Called under mu.
func (d *instances) stopAsAsked(id catalog.TenantID, i *instance) {
	if d.enclose == nil {
		d.stop(i)
		return
	}
	d.mu.Unlock()
	d.enclose(id, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.stop(i)
	})
	d.mu.Lock()
}

// slow says how long a call takes from now on.
func (d *instances) slow(call string, take time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.take[call] = take
}

// make puts an instance there, asleep.
func (d *instances) make(id catalog.TenantID) *instance {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := &instance{there: true}
	d.known[id] = i
	return i
}

// crash ends an instance without anybody's doing.
func (d *instances) crash(id catalog.TenantID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := d.known[id]; i != nil {
		d.stop(i)
	}
}

// employ gives an instance a client, or takes it away.
func (d *instances) employ(id catalog.TenantID, client bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := d.known[id]; i != nil {
		i.client = client && i.run != ""
	}
}

// frozen reports whether the tenant's instance is.
func (d *instances) frozen(id catalog.TenantID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := d.known[id]
	return i != nil && i.frozen
}

// run is the run of the tenant's instance, "" if it sleeps.
func (d *instances) run(id catalog.TenantID) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := d.known[id]; i != nil {
		return i.run
	}
	return ""
}

func (d *instances) failNext(call string, errs ...error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail[call] = append(d.fail[call], errs...)
}

// called lists the calls since it was last asked.
func (d *instances) called() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	calls := strings.Join(d.calls, ", ")
	d.calls = nil
	return calls
}
