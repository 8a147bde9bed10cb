package proxy

import (
	"context"
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/catalog"
	"postern/proxy/engine"
	"postern/proxy/meter"
	"postern/proxy/pool"
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

	// Secret is the fleet's: mock salts and the check of cancel keys are derived
	// from it (auth.secret_file). 32 bytes or more.
	Secret []byte
	// Number tells this proxy from the others of the fleet in cancel keys; 0 to
	// 4095.
	Number uint16
	// TLS offers TLS to clients, nil for none (tls.certificates).
	TLS *tls.Config
	// RequireTLS refuses clients without it (tls.mode = "require").
	RequireTLS bool
	// ShowUnknownTenants answers 3D000 to a tenant that does not exist, instead
	// of letting it look like a wrong password (auth.hide_unknown_tenants = false).
	ShowUnknownTenants bool
	// MaxClients bounds client connections; 0 means 10,000, PgBouncer's
	// max_client_conn by name and meaning.
	MaxClients int
	// LoginTimeout bounds the way from the first byte to the end of
	// authentication; 0 means 60 s. PgBouncer's client_login_timeout.
	LoginTimeout time.Duration
	// WakeTimeout bounds the wait for a server connection, a wake included; 0
	// means 30 s (wake.timeout).
	WakeTimeout time.Duration
	// ConnectTimeout bounds one try to connect to a server; 0 means 15 s.
	// PgBouncer's server_connect_timeout.
	ConnectTimeout time.Duration
	// PoolMode is router.Session or router.Transaction, for clients who ask for
	// neither and whose tenant has none of its own; "" means transaction (pool.pool_mode).
	PoolMode string
	// Pool bounds the server connections in transaction mode.
	Pool pool.Config
	// Loop relays for clients in transaction mode where it can; nil leaves all to
	// goroutines (pool.engine). The caller closes it, after Drain.
	Loop *engine.Loop
	// QueryWaitTimeout bounds how long a statement waits for a server connection;
	// the session ends then. 0 means 2 min. PgBouncer's query_wait_timeout.
	QueryWaitTimeout time.Duration
	// Limits bound what clients hold for long; none by default.
	Limits Limits
	// MaxPreparedStatements is how many prepared statements are kept on a server
	// connection; 0 means 200, less than 0 none. PgBouncer's max_prepared_statements.
	MaxPreparedStatements int
	// NoPins lends server connections on whatever session state is on them but
	// settings and prepared statements, as PgBouncer does (pool.pin = false).
	NoPins bool
	// Reset is when DISCARD ALL is run on a server connection before another client
	// gets it; "" means ResetPinned (pool.reset).
	Reset Reset
	// Console lets administrators in; nil for nobody.
	Console *Console
	// Metrics are counted in; nil counts nowhere that can be seen.
	Metrics *meter.Metrics
	// Log defaults to slog.Default.
	Log *slog.Logger
}

// Reset is when server connections are cleaned of what their last client has left.
type Reset string

const (
	// ResetPinned: after a client that has left state behind that could be seen.
	ResetPinned Reset = "pinned"
	// ResetChange: besides, whenever another client gets the connection, since
	// functions can leave state that cannot be seen.
	ResetChange Reset = "change"
	// ResetAlways: after each use.
	ResetAlways Reset = "always"
)

func (c Config) withDefaults() Config {
	if c.MaxClients == 0 {
		c.MaxClients = 10_000
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.LoginTimeout, 60 * time.Second},
		{&c.WakeTimeout, 30 * time.Second},
		{&c.ConnectTimeout, 15 * time.Second},
		{&c.QueryWaitTimeout, 2 * time.Minute},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if c.Metrics == nil {
		c.Metrics = meter.New(prometheus.NewRegistry())
	}
	if c.MaxPreparedStatements == 0 {
		c.MaxPreparedStatements = 200
	}
	if c.PoolMode == "" {
		c.PoolMode = router.Transaction
	}
	if c.Reset == "" {
		c.Reset = ResetPinned
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Pool.Log == nil {
		c.Pool.Log = c.Log
	}
	return c
}
