package main

import (
	"crypto/tls"
	"time"

	"postern/configs"
	"postern/proxy"
	"postern/proxy/pool"
)

// proxySettings is what the proxy obeys of a configuration, and a reload changes.
func proxySettings(config configs.Config, tlsConfig *tls.Config) proxy.Settings {
	newcomers := ""
	if config.Wake.ProvisionUnknown {
		newcomers = config.Wake.ProvisionUnknownVerifier
	}
	return proxy.Settings{
		NewcomerVerifier:   newcomers,
		NewcomersPerMinute: config.Wake.ProvisionUnknownRate,
		TLS:                tlsConfig,
		RequireTLS:         config.TLS.Mode == "require",
		ShowUnknownTenants: !config.Auth.HideUnknownTenants,
		MaxClients:         capOf(config.Limits.MaxClientConn),
		LoginTimeout:       bound(config.Limits.ClientLoginTimeout),
		WakeTimeout:        bound(config.Wake.Timeout),
		ConnectTimeout:     bound(config.Pool.ServerConnectTimeout),
		PoolMode:           config.Pool.PoolMode,
		Pool: pool.Config{
			Size:                 config.Pool.DefaultPoolSize,
			MinSize:              config.Pool.MinPoolSize,
			ReserveSize:          config.Pool.ReservePoolSize,
			ReserveTimeout:       time.Duration(config.Pool.ReservePoolTimeout),
			MaxConnections:       config.Pool.MaxServerConnections,
			MaxTenantConnections: config.Pool.MaxDBConnections,
			IdleTimeout:          time.Duration(config.Pool.ServerIdleTimeout),
			Lifetime:             time.Duration(config.Pool.ServerLifetime),
		},
		Limits: proxy.Limits{
			ClientIdle:      time.Duration(config.Limits.ClientIdleTimeout),
			IdleTransaction: time.Duration(config.Limits.IdleTransactionTimeout),
			Transaction:     time.Duration(config.Limits.TransactionTimeout),
			Query:           time.Duration(config.Limits.QueryTimeout),
		},
		IgnoreApplicationNames: config.Wake.IgnoreApplicationNames,
		QueryWaitTimeout:       bound(config.Pool.QueryWaitTimeout),
		MaxPreparedStatements:  statementsOf(config.Pool.MaxPreparedStatements),
		NoPins:                 !config.Pool.Pin,
		AnswerEmptyQuery:       config.Pool.AnswerEmptyQuery,
		Reset:                  proxy.Reset(config.Pool.Reset),
		AdminUsers:             config.Auth.AdminUsers,
		StatsUsers:             config.Auth.StatsUsers,
	}
}

// unbounded stands for a timeout that is off, and for a cap that is none.
const (
	unbounded = 100 * 365 * 24 * time.Hour
	uncapped  = 1 << 30
)

// bound returns a timeout as the packages take it; 0 is off in a configuration.
func bound(d configs.Duration) time.Duration {
	if d == 0 {
		return unbounded
	}
	return time.Duration(d)
}

// capOf is bound for a cap.
func capOf(n int) int {
	if n == 0 {
		return uncapped
	}
	return n
}

// statementsOf is a number of prepared statements as package proxy takes it.
func statementsOf(n int) int {
	if n == 0 {
		return -1
	}
	return n
}
