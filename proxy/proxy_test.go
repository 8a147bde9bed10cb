package proxy_test

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"postern/catalog"
	"postern/catalog/memstore"
	"postern/proxy"
	"postern/proxy/engine"
	"postern/proxy/pgtest"
	"postern/proxy/pool"
	"postern/router"
	"postern/wake"
)

// gate is an instance that can be put to sleep without a process being stopped.
type gate struct {
	endpoint wake.Endpoint

	mu    sync.Mutex
	awake bool          // under mu
	wakes int           // under mu
	held  chan struct{} // under mu: if not nil, wakes wait until it is closed
	fail  error         // under mu: what wakes answer
}

func (g *gate) Awake(catalog.TenantID) (wake.Endpoint, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.endpoint, g.awake
}

func (g *gate) Ready(ctx context.Context, _ *catalog.Tenant) (wake.Endpoint, error) {
	g.mu.Lock()
	held, fail := g.held, g.fail
	g.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-ctx.Done():
			return wake.Endpoint{}, &wake.UnreadyError{Phase: "waking", Err: context.Cause(ctx)}
		}
	}
	if fail != nil {
		return wake.Endpoint{}, fail
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.awake {
		g.wakes++
		g.awake = true
	}
	return g.endpoint, nil
}

func (g *gate) stop()      { g.mu.Lock(); g.awake = false; g.mu.Unlock() }
func (g *gate) count() int { g.mu.Lock(); defer g.mu.Unlock(); return g.wakes }

// world is a Postern with one tenant, "acme", whose Postgres is real.
type world struct {
	server    *proxy.Server
	pg        *pgtest.Postgres
	store     *memstore.Store
	cache     *catalog.Cache
	gate      *gate
	address   string
	authority *pgtest.Authority
}

// newWorld starts one; change may set what the test needs.
func newWorld(t *testing.T, pg *pgtest.Postgres, change func(*proxy.Config)) *world {
	t.Helper()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(pg.Port))
	w := newWorldAt(t, address, pg.Exec(t, "select rolpassword from pg_authid where rolname = 'app'"), change)
	w.pg = pg
	return w
}

// newWorldAt starts one whose Postgres is at address and knows the role app by
// verifier.
func newWorldAt(t *testing.T, address, verifier string, change func(*proxy.Config)) *world {
	t.Helper()
	w := &world{store: memstore.New(), authority: pgtest.NewAuthority(t)}
	w.gate = &gate{awake: true, endpoint: wake.Endpoint{Network: "tcp", Address: address, Superuser: "postgres", Run: "1"}}
	if _, err := w.store.Create(t.Context(), &catalog.Tenant{
		ID: "acme", State: catalog.Awake, Driver: "test",
		Roles: map[string]catalog.Role{"app": {Name: "app", Verifier: verifier, CanLogin: true}},
	}); err != nil {
		t.Fatal(err)
	}
	w.cache = catalog.NewCache(catalog.CacheConfig{Store: w.store})
	t.Cleanup(w.cache.Close)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	if os.Getenv("POSTERN_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	config := proxy.Config{
		Router:    router.New(router.Config{Domains: []string{"db.localhost"}, Hostnames: w.cache}),
		Catalog:   w.cache,
		Greetings: w.store,
		Gate:      w.gate,
		Roles:     roles{w},
		Secret:    []byte("a secret of thirty-two bytes, yes"),
		Log:       log,
		Settings: proxy.Settings{
			TLS: &tls.Config{Certificates: []tls.Certificate{w.authority.Certificate(t, "*.db.localhost", "localhost", "127.0.0.1")}},
		},
	}
	if os.Getenv("POSTERN_TEST_ENGINE") != "goroutine" { // where there is an event loop
		loop, err := engine.NewLoop(engine.LoopConfig{Loops: 2, Idle: func(lease any) { lease.(*pool.Lease).Inspect() }})
		if err == nil {
			t.Cleanup(loop.Close)
			config.Loop = loop
		}
	}
	if change != nil {
		change(&config)
	}
	w.server = proxy.New(config)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.address = listener.Addr().String()
	served := make(chan error, 1)
	go func() { served <- w.server.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		w.server.Drain(ctx)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return w
}

// sleep lets the tenant fall asleep, as a wake.Gate would.
func (w *world) sleep(t *testing.T) {
	t.Helper()
	if err := w.server.Release(t.Context(), "acme", false); err != nil {
		t.Fatal(err)
	}
	w.gate.stop()
}

// inSession is a change of newWorld for tests of session mode.
func inSession(c *proxy.Config) { c.Settings.PoolMode = router.Session }

// roles reads pg_authid as a test may: through psql's eyes.
type roles struct{ *world }

func (r roles) Refresh(ctx context.Context, id catalog.TenantID) error {
	rows := readRoles(ctx, r.pg)
	if err := wake.SyncRoles(ctx, r.store, id, rows); err != nil {
		return err
	}
	r.cache.Invalidate(id)
	return nil
}

func (r roles) Suspect(catalog.TenantID) {}

// target is the role app of acme, through Postern.
func (w *world) target() pgtest.Target {
	return pgtest.Target{Network: "tcp", Address: w.address, User: "app.acme", Database: "app", Password: pgtest.Password}
}
