package pool

import (
	"context"
	"errors"
	"log/slog"
	"sync"
)

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
	// Exact is for clients who can have a server connection only if it was started
	// as they ask, and who wait in one queue all the same, within one Size: of this
	// pool a request gets a connection of its own Affinity alone. Its ConnectFunc
	// sets that.
	Exact bool
}

// ConnectFunc makes a server connection that is logged in and idle; a pool calls
// it in a goroutine of its own. It must end soon after ctx does. It can be called
// and run on after the client that it was given for has got a server connection
// or has left, so what it uses, the client's key above all, must be its own.
type ConnectFunc func(ctx context.Context) (*Server, error)

// ErrClosed: the Group was closed.
var ErrClosed = errors.New("the proxy is shutting down")

// Group is the pools of one proxy. A pool is there as long as it has a server
// connection or somebody waiting for one; it needs no goroutine or timer. Use
// NewGroup.
type Group struct {
	log *slog.Logger

	// life ends when Close is called; dials run under it.
	life context.Context
	end  context.CancelFunc
	// tasks are the dials, the farewells and what keeps the timetable.
	tasks sync.WaitGroup

	mu        sync.Mutex
	config    Config             // under mu
	closed    bool               // under mu
	pools     map[Key]*pool      // under mu, and so is what they hold
	tenants   map[string]*tenant // under mu: the same pools
	timetable timetable          // under mu
	hungry    hunger             // under mu
	pause     pause              // under mu

	// How many connections there are in all, those that are being dialled or
	// closed included, and how many of them are idle, and being closed. Under mu.
	size, idle, closing int

	served queue         // under mu: requests that unlock delivers
	doomed []*connection // under mu: closed by unlock
}

// NewGroup returns a Group that is ready. Close it when its proxy ends.
func NewGroup(config Config) *Group {
	config = config.withDefaults()
	g := &Group{
		log:       config.Log,
		config:    config,
		pools:     make(map[Key]*pool),
		tenants:   make(map[string]*tenant),
		timetable: newTimetable(),
		pause:     newPause(),
	}
	g.life, g.end = context.WithCancel(context.Background())
	g.tasks.Go(g.keepTimetable)
	return g
}

// add makes the pool for key. Called under mu.
func (g *Group) add(key Key) *pool {
	t := g.tenant(key.Tenant)
	p := &pool{group: g, tenant: t, key: key}
	p.retry.run = p.grow
	g.pools[key] = p
	t.pools[p] = struct{}{}
	return p
}

// tenant returns the tenant with this id, made if need be. Called under mu.
func (g *Group) tenant(id string) *tenant {
	t := g.tenants[id]
	if t == nil {
		t = &tenant{group: g, id: id, weight: g.config.weight(id), pools: make(map[*pool]struct{})}
		g.tenants[id] = t
	}
	return t
}

// drop forgets p if there is nothing in it. Called under mu.
func (g *Group) drop(p *pool) {
	if p.size() > 0 || p.waiting.length > 0 {
		return
	}
	g.timetable.remove(&p.retry)
	delete(g.pools, p.key)
	delete(p.tenant.pools, p)
	p.tenant.drop()
}

// unlock ends what mu was locked for. Connections that are free now go to the
// tenants that want them; those who were served are told, and what was given up
// is closed: not under the lock, since others' code is called, and TLS says
// goodbye.
func (g *Group) unlock() {
	g.share()
	served, doomed := g.served, g.doomed
	g.served, g.doomed = queue{}, nil
	g.mu.Unlock()
	for r := served.first; r != nil; {
		next := r.next
		r.tell()
		r = next
	}
	for _, c := range doomed {
		c.close()
		g.left(c)
	}
}

// left no longer counts c, which is closed.
func (g *Group) left(c *connection) {
	g.mu.Lock()
	defer g.unlock()
	c.pool.tenant.closing--
	g.closing--
	c.pool.tenant.count(-1)
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
