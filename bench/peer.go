package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"
)

// The peers: what stands between clients and PostgreSQL.
const (
	direct    = "direct" // nothing
	pgbouncer = "pgbouncer"
	postern   = "postern"
)

// setup is how the proxies are run for a scenario.
type setup struct {
	pool     int  // server connections of a pool
	tenants  int  // each has a pool of its own, and all lead to the same database
	prepared bool // protocol-level prepared statements must work
	clients  int  // the most that come at once
	pinned   bool // everything on one CPU
}

// peer is a running way to PostgreSQL.
type peer struct {
	name    string
	note    string // what differs from what was asked for, for the report
	mode    string // of pooling
	pool    int    // server connections of a pool
	address string
	// process is nil for direct.
	process *process
	// identity is who a client of a tenant says it is.
	identity func(tenant int) identity
	login    login
	dataDir  string // Postern's
}

// identity is what a client says in its startup message.
type identity struct{ user, database string }

// host is the address as a libpq program takes it.
func (p *peer) host() (host, port string) {
	host, port, _ = net.SplitHostPort(p.address)
	return host, port
}

// stop ends the proxy.
func (p *peer) stop() {
	if p.process == nil {
		return
	}
	p.process.stop(syscall.SIGTERM)
}

// awaitReady logs in until that works.
func (p *peer) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		client, err := connect(ctx, p, clientConfig{})
		if err == nil {
			err = client.query(selectOne)
			client.close()
		}
		if err == nil {
			return nil
		}
		select {
		case <-p.process.exited:
			return fmt.Errorf("%s ended at its start: %s", p.name, p.process.log())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %s", p.name, err, p.process.log())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// startDirect is no proxy at all.
func startDirect(s *server) *peer {
	return &peer{
		name: direct, mode: "none", address: s.address(), login: s.login,
		identity: func(int) identity { return identity{roleName, databaseName} },
	}
}

// freePort finds a port that nobody uses now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// freeAddress finds an address that nobody uses now.
func freeAddress() (string, error) {
	port, err := freePort()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}
