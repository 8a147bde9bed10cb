//go:build linux

package engine

import (
	"fmt"
	"hash/maphash"
	"net"

	"postern/proxy/relay"
)

// LoopConfig says how event loops are to run.
type LoopConfig struct {
	// Loops is how many there are, each a thread of its own; 1 by default. Go
	// needs GOMAXPROCS for at least one more.
	Loops int
	// Idle, if set, is called when a server connection that was released has
	// become readable: it has ended, or says something that nobody asked for. It
	// is called on the loop with the Lease of its Peer, must not wait, and may be
	// called although the connection is in use again. Connections that have never
	// been attached are not watched.
	Idle func(lease any)
}

// Loop is the engine of Linux: few threads that relay for many clients, without a
// goroutine, a timer or a read buffer for each. Make one with NewLoop.
//
// What a loop is to relay, a client or a server connection, must go through Wrap
// before anything is read from it. A wrapped connection is an ordinary one until
// a loop takes its descriptor. From then on it is the loop's as long as it is
// relayed, and nobody else may touch it but to close it after the conversation is
// over; while it is lent to the Host (by Ask and Release, and until TryAttach or
// Attach hands it over again) it works as before, for one goroutine at a time.
type Loop struct {
	loops []*eventLoop
	seed  maphash.Seed
}

// NewLoop starts the loops. Close stops them.
func NewLoop(config LoopConfig) (*Loop, error) {
	l := &Loop{seed: maphash.MakeSeed()}
	for range max(1, config.Loops) {
		one, err := newEventLoop(config)
		if err != nil {
			l.Close()
			return nil, fmt.Errorf("start event loop: %w", err)
		}
		l.loops = append(l.loops, one)
	}
	return l, nil
}

// Close ends the conversations that are left, with net.ErrClosed and no last
// words, and waits for the loops to stop. Server connections are not closed; what
// blocks on one returns net.ErrClosed.
func (l *Loop) Close() {
	for _, one := range l.loops {
		one.stop()
	}
}

// Can reports whether the loop can relay for a client: its connection was wrapped
// and is in the clear or TLS.
func (l *Loop) Can(client net.Conn) bool {
	socket, _ := unwrap(client)
	return socket != nil
}

// New returns the conversation of a client that has been greeted; Can must be
// true of it. Conversations with the same key share a loop, as those must that
// share server connections: it is the tenant. session, if not nil, prepares the
// relay, for transaction mode. From Start on client is the loop's, which closes
// it.
func (l *Loop) New(key string, client net.Conn, host Host, session func(*relay.Session)) *LoopConversation {
	one := l.loops[0]
	if len(l.loops) > 1 {
		one = l.loops[maphash.String(l.seed, key)%uint64(len(l.loops))]
	}
	socket, secure := unwrap(client)
	c := &LoopConversation{loop: one, client: socket, host: host}
	socket.owner, socket.secure = c, secure
	if session != nil {
		session(&c.relay)
	}
	c.counter = c.relay.Counter()
	return c
}
