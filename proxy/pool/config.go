package pool

import (
	"log/slog"
	"time"
)

// Config is what the pools of one proxy have in common; Group.Reconfigure changes
// all of it but Weight and Log. Names in brackets are
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
	// MaxConnections is how many server connections all pools have together at
	// most, those that are being dialled or closed included; 0 means no limit
	// (max_server_connections, which PgBouncer does not have). A tenant that goes
	// short then gets what another has beyond its share.
	MaxConnections int
	// MaxTenantConnections is the same for the pools of one tenant
	// (max_db_connections, where a database is one of a cluster; ours have one
	// each).
	MaxTenantConnections int
	// Weight is how large the tenant's share of MaxConnections is beside that of
	// others, at least 1; nil means 1 for all. It must not call the Group.
	Weight func(tenant string) int
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
	// Dropped, if set, is told of a tenant that the Group forgets since it has no
	// server connection left, and when one came back last (Use.Since). It must not
	// call the Group.
	Dropped func(tenant string, used time.Time)
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

// capped reports whether server connections of more than one pool are counted.
func (c *Config) capped() bool { return c.MaxConnections > 0 || c.MaxTenantConnections > 0 }

// weight is that of a tenant.
func (c *Config) weight(tenant string) int {
	if c.Weight == nil {
		return 1
	}
	return max(c.Weight(tenant), 1)
}
