package pool

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Config is what the pools of one proxy have in common. Names in brackets are
// the settings, which mean what PgBouncer's of the same name mean.
type Config struct {
	// Size is how many server connections a pool has at most, those that are
	// being dialled included; 0 means no limit (default_pool_size).
	Size int
	// ReserveSize is how many more it may have while a client has waited for
	// ReserveTimeout; without either there is no reserve (reserve_pool_size,
	// reserve_pool_timeout).
	ReserveSize    int
	ReserveTimeout time.Duration
	// MinSize is how many server connections of a pool IdleTimeout leaves alone
	// (min_pool_size). None is dialled for it: only a client can prove a role.
	MinSize int
	// IdleTimeout is how long a server connection is kept that nobody wants; 0
	// means for ever (server_idle_timeout).
	IdleTimeout time.Duration
	// Lifetime is how old a server connection gets, give or take a tenth so that
	// those of one moment do not end in one moment; one that is lent is closed
	// when it comes back. 0 means no limit (server_lifetime).
	Lifetime time.Duration
	// ConnectAtOnce is how many server connections of a pool are dialled at the
	// same time; 0 means 4.
	ConnectAtOnce int
	// Log defaults to slog.Default.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.ConnectAtOnce == 0 {
		c.ConnectAtOnce = 4
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// Key says which clients can use each other's server connections: those for
// whom all of it is equal.
type Key struct {
	// Tenant is the tenant's UID, not its id: a tenant made anew under an old id
	// has pools of its own.
	Tenant   string
	Role     string
	Database string
	// Settings are the other startup settings, encoded in some way of the
	// caller's that gives equal strings for equal settings.
	Settings string
}

// ConnectFunc makes a server connection that is logged in and idle; a pool calls
// it in a goroutine of its own. It must end soon after ctx does. It can be called
// and run on after the Acquire that was given it has returned, so what it uses,
// the client's key above all, must be its own.
type ConnectFunc func(ctx context.Context) (*Server, error)

// ErrClosed: the Group was closed.
var ErrClosed = errors.New("the proxy is shutting down")

// Group is the pools of one proxy. A pool is there as long as it has a server
// connection or somebody waiting for one; it needs no goroutine or timer. Use
// NewGroup.
type Group struct {
	config Config

	// life ends when Close is called; dials run under it.
	life context.Context
	end  context.CancelFunc
	// tasks are the dials and what keeps the timetable.
	tasks sync.WaitGroup

	mu        sync.Mutex
	closed    bool               // under mu
	pools     map[Key]*pool      // under mu, and so is what they hold
	tenants   map[string]*tenant // under mu: the same pools
	timetable timetable          // under mu
	doomed    []*connection      // under mu: closed by unlock
}

// tenant is the pools of one tenant and what they have in all. It is under
// Group.mu.
type tenant struct {
	pools      map[*pool]struct{}
	idle, lent int
}

// NewGroup returns a Group that is ready. Close it when its proxy ends.
func NewGroup(config Config) *Group {
	g := &Group{
		config:    config.withDefaults(),
		pools:     make(map[Key]*pool),
		tenants:   make(map[string]*tenant),
		timetable: newTimetable(),
	}
	g.life, g.end = context.WithCancel(context.Background())
	g.tasks.Go(g.keepTimetable)
	return g
}

// Acquire lends a server connection of the pool for key: the one that was in use
// last, or else the first to come back or to be dialled once everybody who has
// waited longer is served. The caller gives it back with Release.
//
// An error is that of connect, or ErrClosed, or the cause of ctx's end.
func (g *Group) Acquire(ctx context.Context, key Key, connect ConnectFunc) (*Lease, error) {
	for {
		if ctx.Err() != nil {
			return nil, waitError(ctx)
		}
		c, w, err := g.take(key, connect)
		switch {
		case err != nil:
			return nil, err
		case w != nil:
			return g.wait(ctx, w)
		}
		// Looked at without the lock: it is ours already.
		err = c.look()
		if err == nil {
			return &c.lease, nil
		}
		g.config.Log.Debug("a server connection ended while idle", "tenant", key.Tenant, "role", key.Role, "database", key.Database, "error", err)
		c.giveBack(false)
	}
}

// take returns an idle connection, or else a place in the queue.
func (g *Group) take(key Key, connect ConnectFunc) (*connection, *waiter, error) {
	g.mu.Lock()
	defer g.unlock()
	if g.closed {
		return nil, nil, ErrClosed
	}
	p := g.pools[key]
	if p == nil {
		p = g.add(key)
	}
	if c := p.lend(); c != nil {
		return c, nil, nil
	}
	now := time.Now()
	w := &waiter{pool: p, connect: connect, since: now, served: make(chan struct{})}
	p.waiting.push(w)
	p.grow(now)
	return nil, w, nil
}

// add makes the pool for key. Called under mu.
func (g *Group) add(key Key) *pool {
	t := g.tenants[key.Tenant]
	if t == nil {
		t = &tenant{pools: make(map[*pool]struct{})}
		g.tenants[key.Tenant] = t
	}
	p := &pool{group: g, tenant: t, key: key}
	p.retry.run = p.grow
	g.pools[key] = p
	t.pools[p] = struct{}{}
	return p
}

// drop forgets p if there is nothing in it. Called under mu.
func (g *Group) drop(p *pool) {
	if p.size() > 0 || p.waiting.length > 0 {
		return
	}
	g.timetable.remove(&p.retry)
	delete(g.pools, p.key)
	delete(p.tenant.pools, p)
	if len(p.tenant.pools) == 0 {
		delete(g.tenants, p.key.Tenant)
	}
}

// unlock ends what mu was locked for and closes the connections that were given
// up meanwhile: not under the lock, since TLS says goodbye.
func (g *Group) unlock() {
	doomed := g.doomed
	g.doomed = nil
	g.mu.Unlock()
	for _, c := range doomed {
		c.close()
	}
}

// Close closes the idle server connections, ends the dials, and fails those who
// wait with ErrClosed. What is lent is closed when it comes back; Close does not
// wait for that.
func (g *Group) Close() {
	g.mu.Lock()
	g.closed = true
	for _, p := range g.pools {
		p.failAll(ErrClosed)
		p.retire()
	}
	g.unlock()
	g.end()
	g.tasks.Wait()
}
