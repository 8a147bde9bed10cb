package proxy

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/catalog"
	"postern/proxy/engine"
	"postern/proxy/meter"
	"postern/router"
	"postern/wake"
)

// Identifier tells which tenant a client asks for; *router.Router is one.
type Identifier interface {
	Identify(ctx context.Context, hello router.Hello) (router.Identity, error)
}

// Catalog finds tenants; *catalog.Cache is one.
type Catalog interface {
	// Lookup may answer with a stale record, or catalog.ErrNotFound.
	Lookup(ctx context.Context, id catalog.TenantID) (*catalog.Tenant, error)
	// Invalidate makes the next Lookup ask the store.
	Invalidate(id catalog.TenantID)
}

// Greetings remembers logins that have succeeded; every catalog.Store does.
type Greetings interface {
	Remember(ctx context.Context, id catalog.TenantID, version int64, g catalog.Greeting) error
	Forget(ctx context.Context, id catalog.TenantID) error
}

// Gate leads to running instances; *wake.Gate is one.
type Gate interface {
	// Awake returns the endpoint of an instance that runs, and never wakes.
	Awake(id catalog.TenantID) (wake.Endpoint, bool)
	// Ready wakes it if need be.
	Ready(ctx context.Context, t *catalog.Tenant) (wake.Endpoint, error)
}

// Roles keeps the catalog's copy of a tenant's roles true.
type Roles interface {
	// Refresh reads the roles of a running tenant again; it wakes nothing.
	Refresh(ctx context.Context, id catalog.TenantID) error
	// Suspect is told of a login that failed, or that no server has checked; it may
	// refresh in its own time, at most once a second, and does not block.
	Suspect(id catalog.TenantID)
}

// Config is what a Server needs. Router, Catalog, Greetings, Gate, Roles and
// Secret are required.
type Config struct {
	Router    Identifier
	Catalog   Catalog
	Greetings Greetings
	Gate      Gate
	Roles     Roles

	// Newcomers makes tenants that do not exist for clients that prove themselves by
	// Settings.NewcomerVerifier; nil makes none.
	Newcomers Newcomers
	// Secret is the fleet's: mock salts and the check of cancel keys are derived
	// from it (auth.secret_file). 32 bytes or more.
	Secret []byte
	// Fleet is the proxies that share the catalog: cancel requests for their clients
	// are passed on to them. nil if this one is alone.
	Fleet Fleet
	// Loop relays for clients in transaction mode where it can; nil leaves all to
	// goroutines (pool.engine). The caller closes it, after Drain.
	Loop *engine.Loop
	// Dropped, if set, is told what LastUse no longer tells; see pool.Config.
	Dropped func(uid string, used time.Time)
	// Console lets administrators in; nil for nobody.
	Console *Console
	// Metrics are counted in; nil counts nowhere that can be seen.
	Metrics *meter.Metrics
	// Log defaults to slog.Default.
	Log *slog.Logger

	// Settings are in effect until Reconfigure brings others.
	Settings Settings
}

func (c Config) withDefaults() Config {
	if c.Metrics == nil {
		c.Metrics = meter.New(prometheus.NewRegistry())
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Fleet == nil {
		c.Fleet = alone{}
	}
	return c
}
