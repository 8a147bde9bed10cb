package proxy

import (
	"context"
	"crypto/tls"
	"time"

	"postern/proxy/admin"
	"postern/proxy/engine"
	"postern/proxy/pool"
	"postern/router"
)

// Clients implements admin.Connections: the sessions that have been greeted.
func (s *Server) Clients() []admin.Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	clients := make([]admin.Client, 0, len(s.sessions))
	for session := range s.sessions {
		if session.joined() {
			clients = append(clients, session.overview())
		}
	}
	return clients
}

// joined reports whether the session has a conversation.
func (s *session) joined() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conversation != nil
}

func (s *session) overview() admin.Client {
	c := admin.Client{
		ID: s.number, Session: s.id.String(), Tenant: string(s.tenant.ID), Role: s.identity.Role, Database: s.identity.Database,
		State: admin.ClientIdle, Remote: s.address(), Local: s.conn.LocalAddr(), ConnectedAt: s.began,
		TLS: s.encryption(), ApplicationName: s.identity.Settings[applicationName],
		PoolMode: s.poolMode(), Pinned: s.conversation.Pins().String(), Carrier: s.identity.Carrier,
	}
	c.Received, c.Sent = s.conversation.Bytes()
	doing := s.conversation.Doing()
	if doing.Phase != engine.Idle {
		c.RequestAt = time.Now().Add(-doing.For)
	}
	switch {
	case s.conversation.Attached():
		c.State = admin.ClientActive
	case doing.Phase == engine.Waiting:
		c.State, c.Waiting = admin.ClientWaiting, doing.For
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lease != nil {
		c.Server = s.lease.Memory.(*memory).number
	}
	return c
}

// encryption tells the client's TLS version and cipher, "" in the clear.
func (s *session) encryption() string {
	if s.version == 0 {
		return ""
	}
	return tls.VersionName(s.version) + "/" + tls.CipherSuiteName(s.suite)
}

// Servers implements admin.Connections: the server connections of the pools.
func (s *Server) Servers() []admin.Server {
	clients := make(map[uint64]uint64) // by server
	for _, c := range s.Clients() {
		clients[c.Server] = c.ID
	}
	tenants := s.tenantNames()
	var servers []admin.Server
	for _, c := range s.pools.Connections() {
		state := admin.ServerIdle
		if c.State == pool.Lent {
			state = admin.ServerActive
		}
		id := c.Server.Memory.(*memory).number
		servers = append(servers, admin.Server{
			ID: id, Tenant: tenants[c.Key.Tenant], Role: c.Key.Role, Database: c.Key.Database, State: state,
			Remote: c.Remote, Local: c.Local, ConnectedAt: c.Made, RequestAt: c.Since,
			Client: clients[id], PID: c.PID,
		})
	}
	return servers
}

// Pools implements admin.Connections.
func (s *Server) Pools() []admin.Pool {
	tenants := s.tenantNames()
	var pools []admin.Pool
	for _, p := range s.pools.Stats() {
		mode := router.Transaction
		if p.Key.Exact {
			mode = router.Session
		}
		pools = append(pools, admin.Pool{
			Tenant: tenants[p.Key.Tenant], Role: p.Key.Role, Database: p.Key.Database, PoolMode: mode,
			Active: p.Lent, Idle: p.Idle, New: p.Connecting, Waiting: p.Waiting, OldestWait: p.OldestWait,
		})
	}
	return pools
}

// tenantNames are the tenants' ids by their UID, which the pools know.
func (s *Server) tenantNames() map[string]string {
	names := make(map[string]string)
	for _, c := range s.pools.Connections() {
		names[c.Key.Tenant] = c.Server.Memory.(*memory).tenant
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, sessions := range s.tenants {
		for session := range sessions {
			names[session.tenant.UID] = string(id)
			break
		}
	}
	return names
}

// KillClient ends the session with this number at once; it fits admin.Sessions.
func (s *Server) KillClient(_ context.Context, number uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for session := range s.sessions {
		if session.number == number && session.joined() {
			session.end(errEnded)
			return nil
		}
	}
	return admin.ErrUnknownClient
}

// Reconnect has the tenant's server connections, or those of all if it is "",
// closed when they come free; it fits admin.ServerConnections.
func (s *Server) Reconnect(ctx context.Context, tenant string) error {
	if tenant != "" {
		uid, err := s.uidOf(ctx, tenant)
		if err != nil {
			return err
		}
		s.pools.CloseTenant(uid, "the console has said RECONNECT")
		return nil
	}
	for _, p := range s.pools.Stats() {
		s.pools.CloseTenant(p.Key.Tenant, "the console has said RECONNECT")
	}
	return nil
}

// WaitClose returns when none of them is left; it fits admin.ServerConnections.
func (s *Server) WaitClose(ctx context.Context, tenant string) error {
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for s.retired(tenant) {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// retired reports whether the tenant, or any if it is "", has a server connection
// that is to be closed.
func (s *Server) retired(tenant string) bool {
	names := s.tenantNames()
	for _, c := range s.pools.Connections() {
		if c.Retired && (tenant == "" || names[c.Key.Tenant] == tenant) {
			return true
		}
	}
	return false
}
