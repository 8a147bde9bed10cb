package main

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"postern/catalog"
	"postern/configs"
	"postern/proxy"
	"postern/proxy/admin"
	"postern/proxy/wire"
	"postern/wake"
)

// console is the admin console over what the daemon has.
func (d *daemon) console() *proxy.Console {
	around := surroundings{d}
	return &proxy.Console{
		Admin: admin.New(admin.Config{
			Connections: around,
			Tenants:     around,
			Traffic:     around,
			Sessions:    around,
			Servers:     around,
			Instances:   around,
			Stats:       func() []admin.Stats { return d.proxy.Stats() },
			Process:     around,
			Settings:    func() []admin.Setting { return consoleSettings(d.config(), configs.Changeable) },
			Version:     readVersion().Version,
			Log:         d.log,
		}),
	}
}

// surroundings are what the console shows and does. The proxy is made after the
// console, and before anybody can log in to it.
type surroundings struct{ *daemon }

func (s surroundings) Clients() []admin.Client { return s.proxy.Clients() }
func (s surroundings) Servers() []admin.Server { return s.proxy.Servers() }
func (s surroundings) Pools() []admin.Pool     { return s.proxy.Pools() }

func (s surroundings) KillClient(ctx context.Context, id uint64) error {
	return s.proxy.KillClient(ctx, id)
}

func (s surroundings) Kill(ctx context.Context, tenant string) error {
	return s.proxy.Kill(ctx, tenant)
}

func (s surroundings) Pause(ctx context.Context, tenant string) error {
	return s.proxy.Pause(ctx, tenant)
}

func (s surroundings) Resume(ctx context.Context, tenant string) error {
	return s.proxy.Resume(ctx, tenant)
}

func (s surroundings) Paused() bool { return s.proxy.Paused() }

// Reload implements admin.Process.
func (s surroundings) Reload(context.Context) error {
	err := s.reload()
	if err == nil {
		return nil
	}
	failure := &wire.Error{
		Code: wire.ConfigFileError, Message: "the configuration was not reloaded: " + err.Error(), Kind: "console",
		Hint: "Nothing has changed. Mend the configuration, then RELOAD again.",
	}
	var restart *restartNeededError
	if errors.As(err, &restart) {
		failure.Hint = "Nothing has changed. Take the change back, or restart Postern."
	}
	return failure
}

// Shutdown implements admin.Process.
func (s surroundings) Shutdown(_ context.Context, mode admin.ShutdownMode) error {
	asked := map[admin.ShutdownMode]ending{
		admin.Immediately: now, admin.WaitForServers: afterServers, admin.WaitForClients: afterClients,
	}
	s.ask(asked[mode])
	return nil
}

func (s surroundings) Reconnect(ctx context.Context, tenant string) error {
	return s.proxy.Reconnect(ctx, tenant)
}

func (s surroundings) WaitClose(ctx context.Context, tenant string) error {
	return s.proxy.WaitClose(ctx, tenant)
}

// Tenants lists those of the catalog, up to maxListed.
func (s surroundings) Tenants(ctx context.Context) ([]admin.Tenant, error) {
	tenants, err := s.store.List(ctx, catalog.Query{Limit: maxListed})
	if err != nil {
		return nil, err
	}
	config := s.config()
	pool := config.Pool
	listed := make([]admin.Tenant, 0, len(tenants))
	for _, t := range tenants {
		shown := admin.Tenant{
			ID: string(t.ID), State: string(t.State), Driver: t.Driver, Region: t.Region,
			PoolSize: pool.DefaultPoolSize, MinPoolSize: pool.MinPoolSize, ReservePoolSize: pool.ReservePoolSize,
			ServerLifetime: time.Duration(pool.ServerLifetime), PoolMode: pool.PoolMode,
			MaxServers: pool.MaxDBConnections, MaxClients: config.Limits.MaxClientConn,
			Paused: s.proxy.PausedTenant(t.UID), Disabled: t.State == catalog.Paused,
			AwakeBecause: s.suspender.AwakeBecause(t.ID),
		}
		if t.PoolMode != "" {
			shown.PoolMode = t.PoolMode
		}
		if endpoint, awake := s.gate.Awake(t.ID); awake {
			shown.Host, shown.Port = hostOf(endpoint)
		}
		listed = append(listed, shown)
	}
	return listed, nil
}

// maxListed is how many tenants SHOW TENANTS lists at most.
const maxListed = 10_000

// hostOf tells where an instance is, as PgBouncer tells a server.
func hostOf(e wake.Endpoint) (host string, port int) {
	host, text, err := net.SplitHostPort(e.Address)
	if err != nil {
		return e.Address, 0 // a socket
	}
	port, _ = strconv.Atoi(text)
	return host, port
}

// Wake implements admin.Instances.
func (s surroundings) Wake(ctx context.Context, tenant string) error {
	t, err := s.find(ctx, tenant)
	if err != nil {
		return err
	}
	_, err = s.gate.Ready(ctx, t)
	return err
}

// Suspend implements admin.Instances.
func (s surroundings) Suspend(ctx context.Context, tenant string) error {
	t, err := s.find(ctx, tenant)
	if err != nil {
		return err
	}
	return s.gate.Suspend(ctx, t, false)
}

func (s surroundings) find(ctx context.Context, tenant string) (*catalog.Tenant, error) {
	t, err := s.store.Lookup(ctx, catalog.TenantID(tenant))
	if errors.Is(err, catalog.ErrNotFound) {
		return nil, admin.ErrUnknownTenant
	}
	return t, err
}
