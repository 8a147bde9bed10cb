package engine

import (
	"context"
	"net"
	"testing"

	"postern/proxy/relay"
	"postern/proxy/wire"
)

// goroutines is a Conversation with the methods it will have.
type goroutines struct {
	*Conversation
	ctx  context.Context
	stop context.CancelCauseFunc
}

func (g goroutines) Start(over func(error)) { go func() { over(g.Run(g.ctx)) }() }
func (g goroutines) End(err *wire.Error)    { g.stop(err) }

func newGoroutines(*testing.T) engine {
	return engine{
		wrap: func(c net.Conn) net.Conn { return c },
		make: func(client net.Conn, host Host, session func(*relay.Session)) conversation {
			c := New(client, host, session)
			ctx, stop := context.WithCancelCause(context.Background())
			return goroutines{c, ctx, stop}
		},
	}
}
