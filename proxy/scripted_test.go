package proxy_test

import (
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy"
	"postern/proxy/auth"
	"postern/proxy/pgtest"
)

// backend is a Postgres of the tenant "acme" that a test plays: connections are
// let in without a password, and cancel requests are held until the test lets go.
type backend struct {
	*pgtest.Server
	cancels chan *pgtest.ServerConn // those that have come
	free    chan struct{}           // closed to let go of them

	mu       sync.Mutex
	sessions int // under mu: logins
}

// newBackend plays one. script is what a connection does after its login; refuse,
// if not nil, is asked before, by the number of the login from 0.
func newBackend(t *testing.T, script func(*pgtest.ServerConn), refuse func(int) pgproto3.BackendMessage) *backend {
	b := &backend{cancels: make(chan *pgtest.ServerConn, 1000), free: make(chan struct{})}
	b.Server = pgtest.Serve(t, func(c *pgtest.ServerConn) {
		if _, cancel := c.ReceiveStartup().(*pgproto3.CancelRequest); cancel {
			b.cancels <- c
			<-b.free
			return
		}
		b.mu.Lock()
		number := b.sessions
		b.sessions++
		b.mu.Unlock()
		if refuse != nil {
			if m := refuse(number); m != nil {
				c.Send(m)
				return
			}
		}
		c.Send(&pgproto3.AuthenticationOk{}, &pgproto3.ParameterStatus{Name: "server_version", Value: "18.0"},
			&pgproto3.BackendKeyData{ProcessID: uint32(number + 1), SecretKey: []byte{1, 2, 3, 4}}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
		script(c)
	})
	return b
}

// logins is how many there were.
func (b *backend) logins() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sessions
}

// letGo lets the cancel requests end.
func (b *backend) letGo() { close(b.free) }

// asked counts the queries of that text that have come.
func (b *backend) asked(sql string) int {
	n := 0
	for _, c := range b.Connections() {
		for _, m := range c.Received() {
			if m == `Query "`+sql+`"` {
				n++
			}
		}
	}
	return n
}

// newScriptedWorld is a Postern whose tenant "acme" has this backend.
func newScriptedWorld(t *testing.T, b *backend, change func(*proxy.Config)) *world {
	t.Helper()
	return newWorldAt(t, b.Target("", "").Address, auth.NewVerifier(pgtest.Password).String(), change)
}
