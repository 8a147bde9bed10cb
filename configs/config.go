package configs

// Config is the whole configuration, a table of the TOML file each. The
// comments of the fields are the reference; defaults are those of Default.
//
// Where PgBouncer has a setting of the same name, it means what PgBouncer
// means. 0 is "off" for a timeout and "unlimited" for a cap.
//
// The tag oneof lists the values allowed, min the least one; secret marks what
// Show hides and what the environment may give as a file; live marks what a reload
// changes, everything else needs a restart; later marks settings that are accepted,
// but that nothing in this version obeys.
type Config struct {
	Listen  Listen  `toml:"listen"`
	TLS     TLS     `toml:"tls"`
	Catalog Catalog `toml:"catalog"`
	Router  Router  `toml:"router"`
	Auth    Auth    `toml:"auth"`
	Pool    Pool    `toml:"pool"`
	Limits  Limits  `toml:"limits"`
	Wake    Wake    `toml:"wake"`
	Meter   Meter   `toml:"meter"`
	HTTP    HTTP    `toml:"http"`
	Log     Log     `toml:"log"`
	Drain   Drain   `toml:"drain"`
}

// Listen is where clients reach Postern.
type Listen struct {
	// Postgres is the address, host:port, for the Postgres protocol. Default:
	// "127.0.0.1:6432".
	Postgres string `toml:"postgres"`
	// UnixSocketDir is a directory for a Unix socket as well. Default: "", none.
	// (PgBouncer: unix_socket_dir.)
	UnixSocketDir string `toml:"unix_socket_dir" later:"true"`
	// ProxyProtocolFrom are the addresses or networks (CIDR) of load balancers
	// that begin each connection with a PROXY header, version 1 or 2. Default:
	// none.
	ProxyProtocolFrom []string `toml:"proxy_protocol_from" later:"true"`
	// PeerAddress is where the other proxies of the catalog reach this one, host:port,
	// to pass cancel requests on. Default: "", the same as Postgres unless that is all
	// addresses of the machine, which tells the others nothing.
	PeerAddress string `toml:"peer_address"`
}

// TLS is how clients' connections are encrypted.
type TLS struct {
	// Mode is "off" (never), "allow" (whoever asks for it) or "require" (no
	// login without). Default: "allow".
	Mode string `toml:"mode" oneof:"off,allow,require" live:"true"`
	// Certificates are chosen by the names in them and by the client's SNI; the
	// first is for clients that send none. Without any, "allow" offers no TLS.
	// Default: none.
	Certificates []Certificate `toml:"certificates" live:"true"`
	// ClientCA is a PEM file of the CAs whose client certificates are accepted.
	// Default: "", none is asked for.
	ClientCA string `toml:"client_ca" later:"true"`
	// MinVersion is the oldest TLS version accepted, "1.2" or "1.3". Default:
	// "1.2".
	MinVersion string `toml:"min_version" oneof:"1.2,1.3" live:"true"`
}

// Certificate names two PEM files.
type Certificate struct {
	// Cert is the certificate with its chain.
	Cert string `toml:"cert"`
	// Key is its private key.
	Key string `toml:"key"`
}

// Catalog is the record of which tenants exist.
type Catalog struct {
	// Store is "postgres" or, for a single proxy, "files". Default: "postgres".
	Store string `toml:"store" oneof:"postgres,files"`
	// URL is the connection string of the catalog's Postgres, for "postgres".
	// Default: "".
	URL string `toml:"url" secret:"true"`
	// Dir is the directory of TOML files, one a tenant, for "files". Default: "".
	Dir string `toml:"dir"`
	// PollInterval is how long a record is trusted without asking the store
	// again, beside its notifications; at least 100ms. Default: 5s.
	PollInterval Duration `toml:"poll_interval" min:"100ms"`
	// NegativeTTL is how long it is remembered that a tenant does not exist.
	// Default: 1s.
	NegativeTTL Duration `toml:"negative_ttl"`
	// Snapshot is a file with the last known records, for a start while the
	// catalog is away. Default: "", none.
	Snapshot string `toml:"snapshot" later:"true"`
	// Lease is how long the other proxies count on this one without hearing of it;
	// then others may suspend what it used. Give all the same; at least 1s. Default:
	// 15s.
	Lease Duration `toml:"lease" min:"1s"`
}

// Router is how a client names its tenant.
type Router struct {
	// Domains are the domains below which every tenant has a name,
	// <tenant>.<domain>; the first is the one that DSNs show. Default: none.
	Domains []string `toml:"domains"`
	// Separator stands between role and tenant in a user name. Default: ".".
	Separator string `toml:"separator"`
	// Region is where this proxy is, and where the tenants live that it makes.
	// Default: "local".
	Region string `toml:"region"`
}

// Auth is how clients prove who they are.
type Auth struct {
	// HideUnknownTenants answers for a tenant that does not exist as for a wrong
	// password. Default: true.
	HideUnknownTenants bool `toml:"hide_unknown_tenants" live:"true"`
	// AdminUsers may do everything on the admin console: name =
	// "SCRAM-SHA-256$…". Default: none.
	AdminUsers map[string]string `toml:"admin_users" secret:"true" live:"true"`
	// StatsUsers may only look there: name = "SCRAM-SHA-256$…". Default: none.
	StatsUsers map[string]string `toml:"stats_users" secret:"true" live:"true"`
	// SecretFile holds the secret that the proxies of a fleet share, for mock
	// salts, cancel keys and each other. Default: "", made once and kept in the
	// catalog.
	SecretFile string `toml:"secret_file"`
}

// Pool is how server connections are lent to clients.
type Pool struct {
	// PoolMode is "transaction": a client has a server connection only while it is
	// in a transaction, or has state there that can be nowhere else; or "session":
	// it keeps one, of its own, until it leaves. Tenants and clients may ask for
	// the other. Default: "transaction".
	PoolMode string `toml:"pool_mode" oneof:"session,transaction" live:"true"`
	// DefaultPoolSize is the most server connections of one tenant, role, database
	// and, in transaction mode, set of startup settings; 0 = unlimited. Default: 20.
	DefaultPoolSize int `toml:"default_pool_size" live:"true"`
	// MinPoolSize is how many of those that were opened stay open while the tenant
	// is awake. Default: 0.
	MinPoolSize int `toml:"min_pool_size" live:"true"`
	// ReservePoolSize is how many more there may be when clients wait too long.
	// Default: 0.
	ReservePoolSize int `toml:"reserve_pool_size" live:"true"`
	// ReservePoolTimeout is how long is too long. Default: 5s.
	ReservePoolTimeout Duration `toml:"reserve_pool_timeout" live:"true"`
	// MaxDBConnections is the most server connections of one tenant, over all its
	// roles and databases, but for replication; 0 = unlimited. (PgBouncer:
	// max_db_connections.) Default: 0.
	MaxDBConnections int `toml:"max_db_connections" live:"true"`
	// MaxServerConnections is the most of all tenants together. Each has a share
	// then: who is short gets what another has beyond it. 0 = unlimited. Default: 0.
	MaxServerConnections int `toml:"max_server_connections" live:"true"`
	// MaxPreparedStatements is how many prepared statements a server connection
	// keeps for its clients; 0 = a client keeps its server connection as long as it
	// has one. Default: 200.
	MaxPreparedStatements int `toml:"max_prepared_statements" live:"true"`
	// ServerIdleTimeout closes a server connection that nobody used for so long;
	// 0 = never. Default: 10m.
	ServerIdleTimeout Duration `toml:"server_idle_timeout" live:"true"`
	// ServerLifetime closes one that is older, once it is free; 0 = never.
	// Default: 1h.
	ServerLifetime Duration `toml:"server_lifetime" live:"true"`
	// ServerConnectTimeout is the time for connecting and logging in to a
	// backend; 0 = unlimited. Default: 15s.
	ServerConnectTimeout Duration `toml:"server_connect_timeout" live:"true"`
	// QueryWaitTimeout is how long a client waits for a server connection before
	// its session ends; 0 = for ever. Default: 2m.
	QueryWaitTimeout Duration `toml:"query_wait_timeout" live:"true"`
	// Engine moves the bytes: "epoll" is an event loop on Linux, for clients in
	// transaction mode, "goroutine" works everywhere, "auto" is the first of them
	// that works here. Default: "auto".
	Engine string `toml:"engine" oneof:"auto,epoll,goroutine"`
	// Pin keeps a client on its server connection while it has state there that
	// cannot be replayed; false loses the state, as PgBouncer does. Default: true.
	Pin bool `toml:"pin" live:"true"`
	// AnswerEmptyQuery answers, in transaction mode, the empty query and BEGIN without
	// a server connection: a client's check of its connection, or a transaction in
	// which nothing has happened yet, wakes nobody. BEGIN goes to the server with the
	// transaction's first statement, so now() is that moment; if there is no server
	// for it, the session ends. Default: false.
	AnswerEmptyQuery bool `toml:"answer_empty_query" live:"true"`
	// Reset is when DISCARD ALL cleans a server connection in transaction mode: after
	// "pinned" use only, at a "change" of client, or "always". In session mode it
	// always does. Default: "pinned".
	Reset string `toml:"reset" oneof:"pinned,change,always" live:"true"`
}

// Limits bound what clients may use.
type Limits struct {
	// MaxClientConn is the most clients of this proxy; 0 = unlimited. Default:
	// 10000.
	MaxClientConn int `toml:"max_client_conn" live:"true"`
	// ClientLoginTimeout is the time from connecting to having proved who one
	// is, the TLS handshake included; 0 = unlimited. Default: 60s.
	ClientLoginTimeout Duration `toml:"client_login_timeout" live:"true"`
	// ClientIdleTimeout ends a client that sent nothing for so long. Default: 0.
	ClientIdleTimeout Duration `toml:"client_idle_timeout" live:"true"`
	// IdleTransactionTimeout ends a client that sent nothing for so long in a
	// transaction. Default: 0.
	IdleTransactionTimeout Duration `toml:"idle_transaction_timeout" live:"true"`
	// TransactionTimeout ends a client whose transaction takes longer. Default:
	// 0.
	TransactionTimeout Duration `toml:"transaction_timeout" live:"true"`
	// QueryTimeout cancels a statement that takes longer. Default: 0.
	QueryTimeout Duration `toml:"query_timeout" live:"true"`
}

// Wake is when tenants' Postgres starts and stops.
type Wake struct {
	// IdleTimeout suspends a tenant that had no work for so long, at least 1s; 0 =
	// never. Idle clients stay connected. Default: 5m.
	IdleTimeout Duration `toml:"idle_timeout" live:"true"`
	// Timeout is how long a client waits for its tenant to wake and for a server
	// connection; 0 = for ever. Default: 30s.
	Timeout Duration `toml:"timeout"`
	// MaxConcurrent is how many tenants wake at once; 0 = twice the number of
	// cores. Default: 0.
	MaxConcurrent int `toml:"max_concurrent"`
	// MaxAwake is how many tenants may be awake before the one that has been idle
	// for longest is suspended sooner. If all are at work, no other wakes (57P03).
	// 0 = unlimited. Default: 0.
	MaxAwake int `toml:"max_awake" live:"true"`
	// MaxPinIdle is how long an idle client may keep its tenant awake by state
	// that pins it, before its session ends; 0 = unlimited. Default: 0.
	MaxPinIdle Duration `toml:"max_pin_idle" live:"true"`
	// ProvisionUnknown makes a tenant that does not exist when a client names it and
	// proves to be its role app by the password of ProvisionUnknownVerifier; the
	// tenant is as of `postern tenant create`, and keeps that password. Nobody else
	// can make one. Default: false.
	ProvisionUnknown bool `toml:"provision_unknown" live:"true"`
	// ProvisionUnknownVerifier is the verifier of that password, "SCRAM-SHA-256$…".
	// Its salt shows to whoever asks for such a tenant, so that strangers can tell
	// those tenants, and those that do not exist, from others. Default: "".
	ProvisionUnknownVerifier string `toml:"provision_unknown_verifier" secret:"true" live:"true"`
	// ProvisionUnknownRate is how many tenants may be made so in one minute, by this
	// proxy; 0 = unlimited. Default: 10.
	ProvisionUnknownRate int `toml:"provision_unknown_rate" live:"true"`
	// IgnoreApplicationNames are those of clients, such as a monitor's, whose
	// statements are no work: they keep no tenant awake, and fail while it sleeps.
	// Default: none.
	IgnoreApplicationNames []string `toml:"ignore_application_names" live:"true"`
	// Process is the driver that runs each tenant's Postgres on this machine.
	Process Process `toml:"process"`
}

// Process is the process driver.
type Process struct {
	// DataDir is where the instances are; proxies of one machine may share it. Default:
	// "", the directory of --data-dir.
	DataDir string `toml:"data_dir"`
	// PGUser runs the instances where Postern is root. Default: "postgres".
	PGUser string `toml:"pg_user"`
	// FreezeAfter stops the processes of a tenant in memory that had no work for so
	// long, some time before wake.idle_timeout ends them, at least 1s; they use no CPU
	// and answer again within a millisecond. 0 = never, and so is a time that is not
	// less than the tenant's idle timeout, or a tenant's own idle timeout of 0.
	// Default: 0.
	FreezeAfter Duration `toml:"freeze_after" live:"true"`
	// Prepared is how many cloned data directories lie ready for new tenants, of
	// each PostgreSQL version that tenants were made of; 0 = none. Default: 2.
	Prepared int `toml:"prepared"`
	// Spares is how many instances of each such version run, besides, for new tenants
	// that have no server settings of their own: about 8 MB of memory each. Default: 0.
	Spares int `toml:"spares"`
	// UIDBase, if not 0, gives each tenant a user id of its own from this one on
	// (as root only). Default: 0.
	UIDBase int `toml:"uid_base" later:"true"`
	// KeepDeleted is how long a deleted tenant's data stays in trash/; 0 = not
	// at all. Default: 7d.
	KeepDeleted Duration `toml:"keep_deleted"`
	// Extensions are the extensions that a tenant's database may have on
	// request. Default: none.
	Extensions []string `toml:"extensions"`
	// Postgres are server settings (postgresql.conf) for every instance; a
	// tenant's own come after them. Default: none.
	Postgres map[string]string `toml:"postgres"`
}

// Meter is how usage is counted.
type Meter struct {
	// Window is the time over which usage is summed up before it is sent to the
	// catalog, at least 1s. Default: 10s.
	Window Duration `toml:"window" min:"1s" later:"true"`
	// Sync is how often what was counted is made safe on disk, at least 10ms.
	// Default: 1s.
	Sync Duration `toml:"sync" min:"10ms" later:"true"`
	// TopN is how many tenants have metrics of their own; the rest is summed up.
	// Default: 100.
	TopN int `toml:"top_n" later:"true"`
}

// HTTP is the API, health and metrics.
type HTTP struct {
	// Listen is the address, host:port. Default: "127.0.0.1:6480".
	Listen string `toml:"listen"`
}

// Log is what is written to standard error.
type Log struct {
	// Level is the least that is written: "debug", "info", "warn" or "error".
	// Default: "info".
	Level string `toml:"level" oneof:"debug,info,warn,error" live:"true"`
	// Format is "text", "json", or "" for text on a terminal and JSON elsewhere.
	// Default: "".
	Format string `toml:"format" oneof:",text,json"`
}

// Drain is how Postern stops.
type Drain struct {
	// Grace is how long Postern goes on as before after a signal, with /readyz
	// failing already, so that load balancers can look away. Default: 0.
	Grace Duration `toml:"grace" live:"true"`
	// Timeout is how long clients then have to finish; 0 = they are ended at
	// once. Default: 10s.
	Timeout Duration `toml:"timeout" live:"true"`
}
