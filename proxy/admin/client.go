package admin

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strconv"
	"time"
)

// Client is one client connection.
type Client struct {
	// ID is what KILL_CLIENT takes; it is never used twice.
	ID uint64
	// Session is its name in the log.
	Session string
	// Tenant, Role and Database are empty until they are known.
	Tenant, Role, Database string
	State                  ClientState
	// Remote is the client's end of the connection, Local ours.
	Remote, Local net.Addr
	ConnectedAt   time.Time
	// RequestAt is when its last request began, zero if there was none.
	RequestAt time.Time
	// Waiting is how long it has waited for a server connection.
	Waiting time.Duration
	// Server is the ID of the server connection that it has, 0 for none.
	Server uint64
	// TLS is the version and cipher, "" in the clear.
	TLS             string
	ApplicationName string
	// Replication is "" or "none", "logical" or "physical".
	Replication string
	// PreparedStatements counts those that it has by name.
	PreparedStatements int
	PoolMode           string
	// Pinned is why it keeps its server connection, "" if it need not.
	Pinned string
	// Carrier is how it named its tenant.
	Carrier string
	// Received and Sent are bytes from it and to it since its login.
	Received, Sent int64
}

// ClientState is what a client does.
type ClientState string

// The states of a client, in PgBouncer's words; ClientLogin is ours.
const (
	ClientActive  ClientState = "active"  // has a server connection
	ClientIdle    ClientState = "idle"    // needs none at present
	ClientWaiting ClientState = "waiting" // for a server connection
	ClientLogin   ClientState = "login"   // has not logged in yet
)

// socketColumns are PgBouncer's for both kinds of connections.
func socketColumns() []column {
	return slices.Concat(
		text("type", "user", "database", "state", "addr"), integer("port"), text("local_addr"), integer("local_port"),
		text("connect_time", "request_time"), integer("wait", "wait_us", "close_needed"), text("ptr", "link"),
		integer("remote_pid"), text("tls", "application_name"),
		// 1.21 and later
		text("replication"), integer("prepared_statements"), bigint("id"),
	)
}

func clientColumns() []column {
	return slices.Concat(socketColumns(),
		text("dbname", "session", "pool_mode", "pinned", "carrier"), bigint("bytes_received", "bytes_sent"))
}

func (c *Console) clientRows(context.Context) ([]row, error) {
	clients := c.clients()
	slices.SortFunc(clients, func(a, b Client) int { return cmp.Compare(a.ID, b.ID) })
	rows := make([]row, 0, len(clients))
	for _, client := range clients {
		address, port := endpoint(client.Remote)
		localAddress, localPort := endpoint(client.Local)
		seconds, microseconds := split(client.Waiting)
		rows = append(rows, row{
			"C", client.Role, client.Tenant, string(client.State), address, port, localAddress, localPort,
			timestamp(client.ConnectedAt), timestamp(client.RequestAt), seconds, microseconds, int64(0),
			pointer("c", client.ID), pointer("s", client.Server), int64(0), client.TLS, client.ApplicationName,
			cmp.Or(client.Replication, "none"), int64(client.PreparedStatements), int64(client.ID),
			client.Database, client.Session, client.PoolMode, client.Pinned, client.Carrier, client.Received, client.Sent,
		})
	}
	return rows, nil
}

// clients returns the clients, none where nobody knows them.
func (c *Console) clients() []Client {
	if c.config.Connections == nil {
		return nil
	}
	return c.config.Connections.Clients()
}

// endpoint returns an address as PgBouncer shows it.
func endpoint(address net.Addr) (host string, port int64) {
	switch a := address.(type) {
	case nil:
		return "", 0
	case *net.TCPAddr:
		return a.IP.String(), int64(a.Port)
	}
	if network := address.Network(); network == "unix" {
		return network, 0
	}
	host, name, err := net.SplitHostPort(address.String())
	if err != nil {
		return address.String(), 0
	}
	number, _ := strconv.ParseUint(name, 10, 16)
	return host, int64(number)
}

// split returns a wait in whole seconds and the microseconds beyond.
func split(d time.Duration) (seconds, microseconds int64) {
	return int64(d / time.Second), int64(d % time.Second / time.Microsecond)
}

// timestamp returns a time as PgBouncer shows it.
func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 MST")
}

// pointer stands for PgBouncer's addresses of objects: it tells connections apart
// and leads from one to the other.
func pointer(kind string, id uint64) string {
	if id == 0 {
		return ""
	}
	return kind + strconv.FormatUint(id, 10)
}
