package admin

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// Tenant is one tenant that this proxy serves.
type Tenant struct {
	// ID is what SHOW DATABASES calls the name of a database.
	ID             string
	State          string
	Driver, Region string
	// Host and Port are where its Postgres is, empty and 0 while it is nowhere.
	Host string
	Port int
	// Database is the one that Postern made with it, "" if none.
	Database string
	// PoolSize, MinPoolSize and ReservePoolSize are those of each of its pools, 0
	// for no limit.
	PoolSize, MinPoolSize, ReservePoolSize int
	ServerLifetime                         time.Duration
	PoolMode                               string
	// MaxServers and MaxClients are its caps, 0 for none.
	MaxServers, MaxClients int
	// Paused: PAUSE holds its clients.
	Paused bool
	// Disabled: it takes no clients, because its operator or a quota has said so.
	Disabled bool
	// LastActiveAt is when it last had work, zero if never.
	LastActiveAt time.Time
	// AwakeBecause is why it does not go to sleep, a phrase each.
	AwakeBecause []string
	// Failure is why it does not run, "" if nothing is wrong.
	Failure string
}

func databaseColumns() []column {
	return slices.Concat(
		text("name", "host"), integer("port"), text("database", "force_user"),
		integer("pool_size", "min_pool_size", "reserve_pool"), text("pool_mode"),
		integer("max_connections", "current_connections", "paused", "disabled"),
		// 1.23 and later; 1.24 has renamed reserve_pool
		integer("reserve_pool_size", "server_lifetime"), text("load_balance_hosts"),
		integer("max_client_connections", "current_client_connections"),
		text("state"),
	)
}

func (c *Console) databaseRows(ctx context.Context) ([]row, error) {
	tenants, uses, err := c.tenants(ctx)
	if err != nil {
		return nil, err
	}
	rows := make([]row, 0, len(tenants))
	for _, t := range tenants {
		use := uses[t.ID]
		rows = append(rows, row{
			t.ID, t.Host, int64(t.Port), t.Database, nil,
			int64(t.PoolSize), int64(t.MinPoolSize), int64(t.ReservePoolSize), t.PoolMode,
			int64(t.MaxServers), int64(use.servers), flag(t.Paused), flag(t.Disabled),
			int64(t.ReservePoolSize), int64(t.ServerLifetime / time.Second), nil,
			int64(t.MaxClients), int64(use.clients),
			t.State,
		})
	}
	return rows, nil
}

func tenantColumns() []column {
	return slices.Concat(
		text("tenant", "state", "driver", "region", "pool_mode"), integer("paused", "clients", "clients_waiting", "servers"),
		text("last_active_at", "awake_because", "failure"),
	)
}

func (c *Console) tenantRows(ctx context.Context) ([]row, error) {
	tenants, uses, err := c.tenants(ctx)
	if err != nil {
		return nil, err
	}
	rows := make([]row, 0, len(tenants))
	for _, t := range tenants {
		use := uses[t.ID]
		rows = append(rows, row{
			t.ID, t.State, t.Driver, t.Region, t.PoolMode, flag(t.Paused),
			int64(use.clients), int64(use.waiting), int64(use.servers),
			timestamp(t.LastActiveAt), strings.Join(t.AwakeBecause, "; "), t.Failure,
		})
	}
	return rows, nil
}

// use is how many connections a tenant has.
type use struct{ clients, waiting, servers int }

// tenants returns the tenants by name, and what they use.
func (c *Console) tenants(ctx context.Context) ([]Tenant, map[string]use, error) {
	if c.config.Tenants == nil {
		return nil, nil, nil
	}
	tenants, err := c.config.Tenants.Tenants(ctx)
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(tenants, func(a, b Tenant) int { return cmp.Compare(a.ID, b.ID) })
	return tenants, c.uses(), nil
}

// uses counts the connections of each tenant.
func (c *Console) uses() map[string]use {
	uses := map[string]use{}
	for key, p := range c.couples() {
		u := uses[key.tenant]
		u.clients += p.clients + p.Waiting
		u.waiting += p.Waiting
		u.servers += p.Open()
		uses[key.tenant] = u
	}
	return uses
}
