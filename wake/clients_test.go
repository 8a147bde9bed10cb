package wake

import (
	"context"
	"sync"
	"testing"
	"time"

	"postern/catalog"
)

// clients is a model of what a proxy has: server connections that are kept and lent
// again, and such as belong to one client to its end.
type clients struct {
	t    testing.TB
	gate *Gate
	// run is that of the tenant's instance now.
	run func(catalog.TenantID) string
	// frozen tells whether it answers nobody.
	frozen func(catalog.TenantID) bool
	// leastFrozen is how long it must have been idle when it is frozen.
	leastFrozen time.Duration
	// least is how long a tenant must have been idle when it is suspended for that.
	least time.Duration
	dial  time.Duration // how long a login takes
	bye   time.Duration // and a goodbye
	// crashes: what has just been woken may have ended by itself.
	crashes bool

	mu    sync.Mutex
	pools map[catalog.TenantID]*connections // under mu, and so is what they hold
}

// connections are those to one tenant.
type connections struct {
	working, ignored, dialling, alone int
	idle                              int
	frozen                            bool   // the idle ones are not lent
	age                               int    // counts how often they were to be closed
	kept                              string // the run that the idle ones lead to
	// used is when the tenant woke or had work last, known what the proxy remembers
	// of that.
	used, known time.Time
	// disturbed counts what may end the work of clients: an operator's doing, or a
	// crash.
	disturbed int
	// forIdleness: that is why the operation under way stops it.
	forIdleness bool
}

func newClients(w *world) *clients {
	return &clients{t: w.t, run: w.driver.run, frozen: w.driver.frozen, pools: make(map[catalog.TenantID]*connections)}
}

// of is the model of one tenant. Called under mu.
func (c *clients) of(id catalog.TenantID) *connections {
	p := c.pools[id]
	if p == nil {
		p = &connections{}
		c.pools[id] = p
	}
	return p
}

func (c *clients) LastUse(t *catalog.Tenant) Use {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.of(t.ID)
	return Use{Working: p.working+p.dialling > 0, Disregarded: p.ignored > 0, Since: p.known}
}

func (c *clients) AwakeBecause(catalog.TenantID) []string { return nil }

func (c *clients) Park(*catalog.Tenant, time.Duration) bool { return false }

func (c *clients) EndPinned(*catalog.Tenant, time.Duration) bool { return false }

// moved is told what GateConfig.Moved is.
func (c *clients) moved(t *catalog.Tenant, awake bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if awake {
		c.of(t.ID).used = time.Now()
	}
}

// drop forgets a tenant that has no server connection in use, nor had just now.
func (c *clients) drop(t *catalog.Tenant, used func(uid string, at time.Time)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.of(t.ID); p.working+p.ignored+p.dialling == 0 && time.Since(p.known) > 0 {
		used(t.UID, p.known)
		p.idle, p.known = 0, time.Time{}
	}
}

// release is GateConfig.Release.
func (c *clients) release(ctx context.Context, id catalog.TenantID, force bool) error {
	c.mu.Lock()
	p := c.of(id)
	p.idle, p.forIdleness = 0, false
	p.age++
	p.disturbed++
	c.mu.Unlock()
	for !force {
		c.mu.Lock()
		working := p.working + p.ignored
		c.mu.Unlock()
		if working == 0 {
			return nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return &BusyError{Because: []string{"clients"}}
		}
	}
	return nil
}

// releaseIdle is GateConfig.ReleaseIdle.
func (c *clients) releaseIdle(_ context.Context, t *catalog.Tenant, since time.Time) error {
	c.mu.Lock()
	p := c.of(t.ID)
	if p.working+p.ignored+p.dialling > 0 || p.known.After(since) {
		c.mu.Unlock()
		return &BusyError{Because: []string{"clients"}}
	}
	p.idle, p.forIdleness = 0, true
	p.age++
	c.mu.Unlock()
	time.Sleep(c.bye)
	return nil
}

// freeze is GateConfig.Freeze.
func (c *clients) freeze(t *catalog.Tenant, since time.Time) ([]uint32, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.of(t.ID)
	if p.working+p.ignored+p.dialling > 0 || p.known.After(since) {
		return nil, &BusyError{Because: []string{"clients"}}
	}
	p.frozen = true
	return make([]uint32, p.idle), nil
}

// thaw is GateConfig.Thaw.
func (c *clients) thaw(t *catalog.Tenant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.frozen(t.ID) {
		c.t.Errorf("%s is to be used though it is frozen", t.ID)
	}
	c.of(t.ID).frozen = false
}

// lendAgain is thaw where it may be another proxy that has thawed the tenant.
func (c *clients) lendAgain(id catalog.TenantID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of(id).frozen = false
}

// freezing is called when an instance is frozen.
func (c *clients) freezing(id catalog.TenantID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.of(id)
	if !p.frozen || p.working+p.ignored+p.alone > 0 {
		c.t.Errorf("%s is frozen: %+v", id, p)
	}
	if idle := time.Since(p.used); idle < c.leastFrozen {
		c.t.Errorf("%s is frozen after %v", id, idle)
	}
}

// stopping is called when an instance is to stop.
func (c *clients) stopping(id catalog.TenantID, stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer stop()
	p := c.of(id)
	if !p.forIdleness {
		p.disturbed++ // who has logged in since is ended
		return
	}
	if p.working+p.ignored+p.alone > 0 || p.idle > 0 {
		c.t.Errorf("%s is suspended for idleness: %+v", id, p)
	}
	if idle := time.Since(p.used); idle < c.least {
		c.t.Errorf("%s is suspended after %v", id, idle)
	}
}

// crash ends an instance under its clients.
func (c *clients) crash(id catalog.TenantID, crash func(catalog.TenantID)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of(id).disturbed++
	crash(id)
}

// transact is a client that has a server connection for a while. A tenant that does
// not wake is told as an error.
func (c *clients) transact(ctx context.Context, t *catalog.Tenant, duration time.Duration, ignored bool) error {
	run, was, err := c.lend(ctx, t, ignored)
	if err != nil {
		return err
	}
	time.Sleep(duration)
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.of(t.ID)
	ended := c.run(t.ID) != run
	if c.frozen(t.ID) && !ended {
		c.t.Errorf("%s is frozen under a client", t.ID)
	}
	if ended && p.disturbed == was.disturbed {
		c.t.Errorf("%s: run %s has ended under a client", t.ID, run)
	}
	if ignored {
		p.ignored--
	} else {
		p.working--
		p.used = time.Now()
		p.known = p.used
	}
	if !ended && p.age == was.age {
		p.idle, p.kept = p.idle+1, run
	}
	return nil
}

// lend is a server connection that is there already, or a new one; with how things
// were when it was lent.
func (c *clients) lend(ctx context.Context, t *catalog.Tenant, ignored bool) (run string, was connections, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.of(t.ID)
	was = *p
	if p.idle > 0 && !p.frozen {
		p.idle--
		if run = p.kept; run == c.run(t.ID) {
			p.take(ignored)
			return run, was, nil
		}
		p.idle = 0 // all of them have ended
	}
	p.dialling++
	for run = ""; run == ""; {
		c.mu.Unlock()
		e, failure := c.ready(ctx, t, ignored)
		time.Sleep(c.dial)
		c.mu.Lock()
		if failure != nil {
			p.dialling--
			return "", was, failure
		}
		if run = c.run(t.ID); run != e.Run {
			if run = ""; p.disturbed == was.disturbed && !c.crashes {
				c.t.Errorf("%s: run %s has ended under a login", t.ID, e.Run)
			}
		}
		if c.frozen(t.ID) {
			c.t.Errorf("%s is frozen under a login", t.ID)
		}
		was = *p
	}
	p.dialling--
	p.frozen = false
	p.take(ignored)
	return run, was, nil
}

func (p *connections) take(ignored bool) {
	if ignored {
		p.ignored++
	} else {
		p.working++
	}
}

func (c *clients) ready(ctx context.Context, t *catalog.Tenant, ignored bool) (Endpoint, error) {
	if !ignored {
		return c.gate.Ready(ctx, t)
	}
	e, awake := c.gate.Awake(t.ID)
	if !awake {
		return e, errIgnored
	}
	return e, nil
}

// stay is a client that has a server connection of its own for a while.
func (c *clients) stay(ctx context.Context, t *catalog.Tenant, duration time.Duration) error {
	release := c.gate.Hold(t.ID)
	defer release()
	c.mu.Lock()
	disturbed := c.of(t.ID).disturbed
	c.mu.Unlock()
	e, err := c.gate.Ready(ctx, t)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.of(t.ID).alone++
	c.mu.Unlock()
	time.Sleep(c.dial + duration)
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.of(t.ID)
	p.alone--
	p.used = time.Now()
	if c.frozen(t.ID) {
		c.t.Errorf("%s is frozen under a client of its own", t.ID)
	}
	if run := c.run(t.ID); run != e.Run && p.disturbed == disturbed && !c.crashes {
		c.t.Errorf("%s: run %s has ended under a client of its own", t.ID, e.Run)
	}
	return nil
}
