package wake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"postern/catalog"
)

// GateConfig is what a Gate needs.
type GateConfig struct {
	// Store is where state changes are recorded. Required.
	Store catalog.Store
	// Drivers by the name that tenants carry. Required.
	Drivers map[string]Driver
	// Fleet is all proxies of the catalog; nil if this one is alone.
	Fleet Fleet
	// Owner is this proxy's id in transitional states, that of its row in the catalog
	// (catalog.Proxy.Boot); "" will do for one that is alone.
	Owner string
	// MaxConcurrent is how many instances start at once, in order of arrival;
	// 0 means twice the processors (wake.max_concurrent).
	MaxConcurrent int
	// Timeout bounds one wake or suspend; 0 means 30 s (wake.timeout).
	Timeout time.Duration
	// Release, if set, is called before an instance is stopped: it ends this
	// proxy's server connections of the tenant, waiting for those at work unless
	// force, and answers a *BusyError when ctx is done before they are idle.
	Release func(ctx context.Context, id catalog.TenantID, force bool) error
	// ReleaseIdle, if set, is called before an instance is stopped for being idle:
	// it closes this proxy's server connections of the tenant if none is in use, nor
	// was since the given time, and is a *BusyError otherwise.
	ReleaseIdle func(ctx context.Context, t *catalog.Tenant, since time.Time) error
	// Admit, if set, is asked before an instance is started, and refuses it with an
	// *UnreadyError; done is called when the start is over and Moved has been told.
	Admit func(t *catalog.Tenant) (done func(), err error)
	// Freeze, if set, is called before an instance is frozen: until Thaw this proxy uses
	// none of its server connections of the tenant, which stay open. It returns their
	// backends' process ids; a *BusyError if one is in use, or was since then.
	Freeze func(t *catalog.Tenant, since time.Time) (backends []uint32, err error)
	// Thaw, if set, is called when the instance goes on, or was not frozen after all.
	Thaw func(t *catalog.Tenant)
	// Observe, if set, is told of every start of an instance that was tried.
	Observe func(driver string, took time.Duration, err error)
	// ObserveSuspend, if set, is told of every try to stop an instance that ran.
	ObserveSuspend func(driver string, err error)
	// Moved, if set, is told when a tenant is awake, in another run, or thawed for
	// somebody, and when it is no longer: of one tenant in order. It must not call the Gate.
	Moved func(t *catalog.Tenant, awake bool)
	// Log defaults to slog.Default.
	Log *slog.Logger
}

// Gate is the one way to a running instance: it starts each tenant once however
// many wait, and lets no two operations on one tenant overlap. Use NewGate.
//
// It remembers only tenants that are awake or being worked on, so a sleeping
// tenant costs it nothing.
type Gate struct {
	config GateConfig
	slots  *semaphore.Weighted

	// life ends when Close is called; operations run under it and not under the
	// context of whoever asked first.
	life    context.Context
	end     context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	entries map[catalog.TenantID]*entry // under mu, and so is what they hold
	closed  bool                        // under mu
}

// entry is what the gate knows of one tenant; it is under Gate.mu.
type entry struct {
	operation *operation // under way, or nil
	endpoint  Endpoint   // of the running instance
	awake     bool
	unwatch   chan struct{}   // closed when the run is no longer watched; nil if it is not
	frozen    bool            // that is, awake but to be thawed before it answers
	tenant    *catalog.Tenant // as it was when it woke
	failures  int             // in a row
	retryAt   time.Time       // no new try before this
	failure   error           // of the last try
	holds     int             // by Hold
	held      time.Time       // when the last of them ended, or it was thawed for somebody
}

// operation is one driver call on one tenant, with those who wait for it.
type operation struct {
	tenant *catalog.Tenant
	waking bool
	done   chan struct{} // closed when endpoint and err are final
	over   chan struct{} // closed when the catalog knows, and the next may start

	wanted   chan struct{} // closed when somebody waits for the instance
	isWanted bool          // under Gate.mu: it is closed

	endpoint Endpoint // set before done is closed
	err      error    // likewise
}

// NewGate returns a Gate that is ready. Close it when its proxy ends.
func NewGate(config GateConfig) *Gate {
	if config.MaxConcurrent == 0 {
		config.MaxConcurrent = 2 * runtime.NumCPU()
	}
	if config.Timeout == 0 {
		config.Timeout = 30 * time.Second
	}
	if config.Log == nil {
		config.Log = slog.Default()
	}
	if config.Fleet == nil {
		config.Fleet = alone{config.Store}
	}
	g := &Gate{
		config:  config,
		slots:   semaphore.NewWeighted(int64(config.MaxConcurrent)),
		entries: make(map[catalog.TenantID]*entry),
	}
	g.life, g.end = context.WithCancel(context.Background())
	return g
}

// Close waits until nothing is under way; what is gets its context cancelled.
// Instances run on.
func (g *Gate) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.end()
	g.running.Wait()
}

// Awake returns the endpoint of t's instance if this proxy knows that it runs and is
// not frozen. It never blocks and never wakes.
func (g *Gate) Awake(id catalog.TenantID) (Endpoint, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	e := g.entries[id]
	if e == nil || !e.runs() || e.frozen || e.operation != nil {
		return Endpoint{}, false
	}
	return e.endpoint, true
}

// Ready returns the endpoint of t's running instance, starting or thawing it if need be.
// It waits as long as ctx allows; whoever gives up leaves the others waiting and
// the start going on. A failure is an *UnreadyError.
func (g *Gate) Ready(ctx context.Context, t *catalog.Tenant) (Endpoint, error) {
	for {
		operation, endpoint, err := g.join(t)
		if operation == nil {
			return endpoint, err
		}
		wait := operation.over
		if operation.waking {
			wait = operation.done
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return Endpoint{}, &UnreadyError{Phase: "waking", Err: context.Cause(ctx)}
		}
		if operation.waking {
			return operation.endpoint, operation.err
		}
		// Something else stood in the way, a suspend or a move: look again.
		t = g.latest(ctx, t)
	}
}

// latest is the tenant's record as it is now, or else as it was known.
func (g *Gate) latest(ctx context.Context, t *catalog.Tenant) *catalog.Tenant {
	now, err := g.config.Store.Lookup(ctx, t.ID)
	if err != nil || now.UID != t.UID {
		return t
	}
	return now
}

// join returns the operation to wait for, starting a wake if there is none, or
// else the answer.
func (g *Gate) join(t *catalog.Tenant) (*operation, Endpoint, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	e := g.entry(t.ID)
	switch {
	case e.operation != nil:
		e.operation.want()
		return e.operation, Endpoint{}, nil
	case e.runs() && !e.frozen:
		return nil, e.endpoint, nil
	}
	if wait := time.Until(e.retryAt); wait > 0 {
		return nil, Endpoint{}, &UnreadyError{Phase: "backing off", RetryAfter: wait, Err: e.failure}
	}
	operation, err := g.begin(e, t, true)
	if err != nil {
		return nil, Endpoint{}, err
	}
	if e.frozen {
		go g.thawOrWake(operation, e, t)
	} else {
		go g.wake(operation, t)
	}
	return operation, Endpoint{}, nil
}

// runs reports whether the instance is awake as far as can be seen now. Called
// under mu.
func (e *entry) runs() bool { return e.awake && !isClosed(e.endpoint.Gone) }

// entry returns the entry of id, making one. Called under mu.
func (g *Gate) entry(id catalog.TenantID) *entry {
	e := g.entries[id]
	if e == nil {
		e = &entry{}
		g.entries[id] = e
	}
	return e
}

// begin makes the operation under way for e; whoever calls it starts exactly one
// goroutine that ends with finish. Called under mu.
func (g *Gate) begin(e *entry, t *catalog.Tenant, waking bool) (*operation, error) {
	if g.closed {
		return nil, &UnreadyError{Phase: "closing", Err: errors.New("this proxy is shutting down")}
	}
	operation := &operation{
		tenant: t, waking: waking,
		done: make(chan struct{}), over: make(chan struct{}), wanted: make(chan struct{}),
	}
	e.operation = operation
	g.running.Add(1)
	return operation, nil
}

// want says that somebody waits for the instance. Called under Gate.mu.
func (o *operation) want() {
	if !o.isWanted {
		o.isWanted = true
		close(o.wanted)
	}
}

// work is what an operation does; it answers whether the instance runs afterwards,
// and where.
type work func(context.Context, *operation, *entry) (Endpoint, bool, error)

// exclusive waits for whatever is under way for t and then does work as the
// tenant's only operation. Like a wake, it is not cut short when ctx ends.
func (g *Gate) exclusive(ctx context.Context, t *catalog.Tenant, work work) error {
	for {
		g.mu.Lock()
		e := g.entry(t.ID)
		if other := e.operation; other != nil {
			g.mu.Unlock()
			select {
			case <-other.over:
				continue
			case <-ctx.Done():
				return &UnreadyError{Phase: "waiting for another operation", Err: context.Cause(ctx)}
			}
		}
		operation, err := g.begin(e, t, false)
		g.mu.Unlock()
		if err != nil {
			return err
		}
		go g.perform(ctx, operation, e, work)
		<-operation.over
		return operation.err
	}
}

// perform is the goroutine of an operation that is no wake.
func (g *Gate) perform(ctx context.Context, operation *operation, e *entry, work work) {
	ctx, cancel := g.callContext(ctx)
	defer cancel()
	endpoint, awake, err := work(ctx, operation, e)
	operation.endpoint, operation.err = endpoint, err
	close(operation.done)
	g.finish(operation, awake)
}

// callContext carries the deadline of ctx, if it is sooner than the gate's own,
// but not its cancellation: a driver call that was begun is not broken off
// because whoever asked has hung up.
func (g *Gate) callContext(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline := time.Now().Add(g.config.Timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	return context.WithDeadline(g.life, deadline)
}

// finish ends an operation whose done is closed.
func (g *Gate) finish(operation *operation, awake bool) {
	if !awake {
		g.letGo(operation.tenant.ID)
	}
	g.mu.Lock()
	id := operation.tenant.ID
	e := g.entries[id]
	e.operation = nil
	same := e.awake && e.endpoint.Run == operation.endpoint.Run
	if awake && !same {
		e.tenant = operation.tenant
	}
	if e.awake != awake || awake && !same {
		g.moved(e, awake)
	}
	e.awake, e.endpoint = awake, operation.endpoint
	e.frozen = e.frozen && awake && same
	if e.unwatch != nil && !(awake && same) {
		close(e.unwatch)
		e.unwatch = nil
	}
	if e.awake && e.endpoint.Gone != nil && !same {
		e.unwatch = make(chan struct{})
		g.running.Add(1)
		go g.watch(e.tenant, e.endpoint, e.unwatch)
	}
	g.drop(id, e)
	g.mu.Unlock()
	close(operation.over)
	g.running.Done()
}

// moved tells that the tenant of e is awake now, or no longer. Called under mu.
func (g *Gate) moved(e *entry, awake bool) {
	if g.config.Moved != nil {
		g.config.Moved(e.tenant, awake)
	}
}

// drop forgets e if there is nothing to remember. Called under mu.
func (g *Gate) drop(id catalog.TenantID, e *entry) {
	if !e.awake && e.operation == nil && e.failures == 0 && e.holds == 0 {
		delete(g.entries, id)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c: // a nil channel is never ready
		return true
	default:
		return false
	}
}

// driver returns the driver of t.
func (g *Gate) driver(t *catalog.Tenant) (Driver, error) {
	d := g.config.Drivers[t.Driver]
	if d == nil {
		return nil, &FailedError{Reason: fmt.Sprintf("this proxy has no driver %q", t.Driver)}
	}
	return d, nil
}
