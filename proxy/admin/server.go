package admin

import (
	"cmp"
	"context"
	"net"
	"slices"
	"time"
)

// Server is one server connection.
type Server struct {
	// ID is never used twice.
	ID                     uint64
	Tenant, Role, Database string
	State                  ServerState
	// Remote is the end of the tenant's Postgres, Local ours.
	Remote, Local net.Addr
	ConnectedAt   time.Time
	// RequestAt is when its last request began, zero if there was none.
	RequestAt time.Time
	// CloseNeeded: it is closed when it comes free.
	CloseNeeded bool
	// Client is the ID of the client that has it, 0 for none.
	Client uint64
	// PID is the backend's process.
	PID                uint32
	TLS                string
	ApplicationName    string
	Replication        string
	PreparedStatements int
}

// ServerState is what a server connection does.
type ServerState string

// The states of a server connection, in PgBouncer's words.
const (
	ServerActive        ServerState = "active"         // a client has it
	ServerIdle          ServerState = "idle"           // it can be lent
	ServerTested        ServerState = "tested"         // it is being reset or looked at
	ServerNew           ServerState = "new"            // it is logging in
	ServerBeingCanceled ServerState = "being_canceled" // it waits for a cancel request to end
)

func serverColumns() []column { return slices.Concat(socketColumns(), text("dbname")) }

func (c *Console) serverRows(context.Context) ([]row, error) {
	servers := c.servers()
	slices.SortFunc(servers, func(a, b Server) int { return cmp.Compare(a.ID, b.ID) })
	rows := make([]row, 0, len(servers))
	for _, server := range servers {
		address, port := endpoint(server.Remote)
		localAddress, localPort := endpoint(server.Local)
		rows = append(rows, row{
			"S", server.Role, server.Tenant, string(server.State), address, port, localAddress, localPort,
			timestamp(server.ConnectedAt), timestamp(server.RequestAt), int64(0), int64(0), flag(server.CloseNeeded),
			pointer("s", server.ID), pointer("c", server.Client), int64(server.PID), server.TLS, server.ApplicationName,
			cmp.Or(server.Replication, "none"), int64(server.PreparedStatements), int64(server.ID),
			server.Database,
		})
	}
	return rows, nil
}

// servers returns the server connections, none where nobody knows them.
func (c *Console) servers() []Server {
	if c.config.Connections == nil {
		return nil
	}
	return c.config.Connections.Servers()
}

// flag returns a truth as PgBouncer shows it.
func flag(truth bool) int64 {
	if truth {
		return 1
	}
	return 0
}
