package pgtest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// RelayConfig says where a Relay leads and what it does to what passes.
type RelayConfig struct {
	// To is where it connects for each connection that it accepts; only Network
	// and Address count.
	To Target
	// Client and Server are the faults of the connections to the client and to
	// the server.
	Client, Server Faults
	// Change, if set, is called with every message of the server and returns
	// what goes on in its place. It works without TLS only.
	Change func(Message) []Message
}

// Relay copies bytes between its clients and a server.
type Relay struct {
	config   RelayConfig
	listener net.Listener
	running  sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn // all that were ever open, two by two
	ended bool
}

// StartRelay listens on 127.0.0.1 until the test ends.
func StartRelay(t testing.TB, config RelayConfig) *Relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("start relay: %v", err)
	}
	r := &Relay{config: config, listener: listener}
	r.running.Go(r.accept)
	t.Cleanup(r.end)
	return r
}

// Target is the target that the relay leads to, by way of the relay.
func (r *Relay) Target(t Target) Target {
	t.Network, t.Address = "tcp", r.listener.Addr().String()
	return t
}

// Connections is how many connections were accepted so far and have reached the
// server.
func (r *Relay) Connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns) / 2
}

func (r *Relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(r.config.To.Network, r.config.To.Address)
		if err != nil {
			client.Close()
			continue
		}
		client, server = r.config.Client.Conn(client), r.config.Server.Conn(server)
		if !r.own(client, server) {
			return
		}
		r.running.Go(func() { r.copyToServer(server, client) })
		r.running.Go(func() { r.copyToClient(client, server) })
	}
}

// own remembers connections to be closed at the end, or closes them now.
func (r *Relay) own(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		for _, c := range conns {
			c.Close()
		}
		return false
	}
	r.conns = append(r.conns, conns...)
	return true
}

func (r *Relay) copyToServer(server, client net.Conn) {
	if _, err := io.Copy(plain{server}, plain{client}); err != nil {
		client.Close()
		server.Close()
		return
	}
	_ = server.(*faultyConn).CloseWrite()
}

func (r *Relay) copyToClient(client, server net.Conn) {
	defer client.Close()
	defer server.Close()
	if r.config.Change == nil {
		_, _ = io.Copy(plain{client}, plain{server})
		return
	}
	for {
		m, err := readMessage(server)
		if err != nil {
			return
		}
		var b []byte
		for _, changed := range r.config.Change(m) {
			b = changed.Append(b)
		}
		if _, err := client.Write(b); err != nil {
			return
		}
	}
}

func (r *Relay) end() {
	r.listener.Close()
	r.mu.Lock()
	r.ended = true
	for _, c := range r.conns {
		c.Close()
	}
	r.mu.Unlock()
	r.running.Wait()
}

// plain hides every method but these, so that io.Copy takes no short cut around
// the faults.
type plain struct{ io.ReadWriter }
