package proxy

import (
	"crypto/tls"
	"time"

	"postern/proxy/pool"
	"postern/proxy/relay"
	"postern/router"
)

// Settings are what can change while a Server runs. The zero value works.
type Settings struct {
	// TLS offers TLS to clients, nil for none (tls.certificates).
	TLS *tls.Config
	// RequireTLS refuses clients without it (tls.mode = "require").
	RequireTLS bool
	// ShowUnknownTenants answers 3D000 to a tenant that does not exist, instead
	// of letting it look like a wrong password (auth.hide_unknown_tenants = false).
	ShowUnknownTenants bool
	// NewcomerVerifier, if set, is by what a client that names a tenant which does
	// not exist, as its role app, can have it made (wake.provision_unknown_verifier).
	NewcomerVerifier string
	// NewcomersPerMinute bounds that; 0 is no bound (wake.provision_unknown_rate).
	NewcomersPerMinute int
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
	// Pool bounds the server connections.
	Pool pool.Config
	// QueryWaitTimeout bounds how long a statement waits for a server connection;
	// the session ends then. 0 means 2 min. PgBouncer's query_wait_timeout.
	QueryWaitTimeout time.Duration
	// IgnoreApplicationNames are those of clients that neither wake a tenant nor
	// keep it awake (wake.ignore_application_names).
	IgnoreApplicationNames []string
	// Limits bound what clients hold for long; none by default.
	Limits Limits
	// MaxPreparedStatements is how many prepared statements are kept on a server
	// connection; 0 means 200, less than 0 none. PgBouncer's max_prepared_statements.
	MaxPreparedStatements int
	// NoPins lends server connections on whatever session state is on them but
	// settings and prepared statements, as PgBouncer does (pool.pin = false).
	NoPins bool
	// AnswerEmptyQuery answers the empty query, and BEGIN until the transaction's
	// first statement, for clients in transaction mode without a server connection:
	// such a client wakes nobody. If that statement then gets no server connection, the
	// session ends (pool.answer_empty_query).
	AnswerEmptyQuery bool
	// Reset is when DISCARD ALL is run on a server connection before another client
	// gets it; "" means ResetPinned (pool.reset).
	Reset Reset
	// AdminUsers may do everything on the console, StatsUsers may look: verifiers by
	// name ("SCRAM-SHA-256$…"; auth.admin_users, auth.stats_users). With neither,
	// there is no console.
	AdminUsers, StatsUsers map[string]string
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

func (c Settings) withDefaults() Settings {
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
	if c.MaxPreparedStatements == 0 {
		c.MaxPreparedStatements = 200
	}
	if c.PoolMode == "" {
		c.PoolMode = router.Transaction
	}
	if c.Reset == "" {
		c.Reset = ResetPinned
	}
	return c
}

// inEffect is the Settings of a Server at one moment, and what is made of them.
type inEffect struct {
	Settings
	relay *relay.Config
}

// settings returns those in effect. Whoever looks twice may see others.
func (s *Server) settings() *Settings { return &s.current.Load().Settings }

// Reconfigure brings other settings into effect. Nobody is cut off by it: clients
// who are there keep their pool mode, their TLS, and what MaxPreparedStatements,
// NoPins, AnswerEmptyQuery and IgnoreApplicationNames were when they came; everything
// else holds for them from now on, but for waits that have begun. Server connections stay as pool.Group.Reconfigure says.
func (s *Server) Reconfigure(settings Settings) {
	settings = settings.withDefaults()
	s.reconfiguring.Lock()
	defer s.reconfiguring.Unlock()
	s.admission.Resize(settings.MaxClients)
	s.pools.Reconfigure(settings.Pool)
	s.current.Store(s.effect(settings, s.current.Load().relay))
}

// effect returns what settings come to. before is the relay's part so far.
func (s *Server) effect(settings Settings, before *relay.Config) *inEffect {
	e := &inEffect{Settings: settings, relay: before}
	want := relay.Config{MaxStatements: max(0, settings.MaxPreparedStatements), NoPins: settings.NoPins, AnswerEmpty: settings.AnswerEmptyQuery}
	if before.MaxStatements != want.MaxStatements || before.NoPins != want.NoPins || before.AnswerEmpty != want.AnswerEmpty {
		e.relay = before.With(&want)
	}
	return e
}
