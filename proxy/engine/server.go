package engine

import (
	"context"
	"errors"
	"fmt"
	"net"

	"postern/proxy/relay"
	"postern/proxy/wire"
)

// serverPump relays what the server sends. Its Conversation starts it once, when
// the server connection is there, and waits for it.
type serverPump struct {
	conversation *Conversation
	done         chan struct{}
	err          error // set before done is closed, as is first
	first        bool  // it ended of its own accord
}

// run relays until the server closes, and then stops the client pump.
func (p *serverPump) run(ctx context.Context, server Peer, cancel context.CancelCauseFunc) {
	defer close(p.done)
	p.err = p.conversation.pumpServer(ctx, server)
	p.first = ctx.Err() == nil
	cancel(p.err)
}

func (c *Conversation) pumpServer(ctx context.Context, server Peer) error {
	buffer := make([]byte, bufferSize)
	held, err := c.toClient(ctx, server.Ahead) // bytes that were read and not forwarded
	if err != nil {
		return err
	}
	copy(buffer, server.Ahead[:held]) // part of one message's head
	for {
		n, err := server.Read(buffer[held:])
		held += n
		if n > 0 {
			left, err := c.toClient(ctx, buffer[:held])
			if err != nil {
				return err
			}
			held = left
		}
		if err != nil {
			return c.serverGone(err)
		}
	}
}

// toClient forwards b as far as the relay lets it, moves the rest to the front
// and returns how much that is.
func (c *Conversation) toClient(ctx context.Context, b []byte) (int, error) {
	c.writing.Lock()
	defer c.doneWriting()
	for rest := b; ; {
		c.mu.Lock()
		if c.ended {
			c.mu.Unlock()
			return 0, net.ErrClosed // nothing comes behind the last word
		}
		boundary := c.relay.Boundary()
		step, broken := c.relay.FromServer(rest)
		effects := c.relay.Effects()
		c.mu.Unlock()
		if step.Forward > 0 {
			if err := c.send(rest[:step.Forward], boundary); err != nil {
				return 0, err
			}
			rest = rest[step.Forward:]
		}
		switch {
		case broken != nil:
			return 0, c.lost(fmt.Errorf("server breaks the protocol: %v", broken))
		case step.Pause == relay.Changed:
			c.host.Changed(ctx, effects)
		default:
			return copy(b, rest), nil
		}
	}
}

// lost is lostError for callers without mu.
func (c *Conversation) lost(cause error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lostError(cause)
}

// serverGone tells what the end of the server connection means.
func (c *Conversation) serverGone(cause error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case isTimeout(cause):
		return cause
	case c.relay.Fatal():
		return ErrServerEnded
	case c.left:
		return nil
	}
	return c.lostError(cause)
}

// lostError is what a client is told whose server connection is of no more use.
// Called under mu.
func (c *Conversation) lostError(cause error) *wire.Error {
	lost := &wire.Error{
		Code:    wire.ConnectionFailure,
		Message: "connection to the tenant's Postgres was lost",
		Hint:    "Connect again and repeat the transaction.",
		Kind:    "server_lost",
		Cause:   errors.Join(ErrServerLost, cause),
	}
	if c.relay.CommitSent() {
		lost.Code = wire.TransactionUnknown
		lost.Detail = "A COMMIT was sent and not answered: the transaction may or may not have been committed."
		lost.Hint = "Connect again and look whether it was, before repeating it."
	}
	return lost
}
