package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"postern/proxy/relay"
	"postern/proxy/wire"
)

// serverPump relays what one server connection sends, as long as the client has
// it.
type serverPump struct {
	done  chan struct{}
	err   error  // set before done is closed, as are the others
	first bool   // it ended of its own accord, and the conversation with it
	freed bool   // it has given the server connection back
	held  []byte // part of a message's head; in Conversation.buffer
}

// attached makes peer the client's and starts its pump. Called under mu.
func (c *Conversation) attached(ctx context.Context, peer Peer) {
	c.relay.Attached(peer.Server)
	c.startPump(ctx, peer)
}

// startPump starts the pump of a server connection. Called under mu.
func (c *Conversation) startPump(ctx context.Context, peer Peer) {
	c.peer = peer
	c.pump = &serverPump{done: make(chan struct{})}
	go c.runPump(ctx, c.pump, peer)
}

// runPump relays until the server connection is free or its server closes it,
// which stops the client pump.
func (c *Conversation) runPump(ctx context.Context, pump *serverPump, peer Peer) {
	defer close(pump.done)
	held, err := c.pumpServer(ctx, peer)
	pump.held, pump.err = c.buffer[:held], err
	switch pump.err {
	case errFree:
		pump.freed = true
		c.host.Release(peer, Return{Status: 'I'})
	case errQuiet:
	default:
		if isTimeout(pump.err) {
			return // somebody wants it to end
		}
		pump.first = ctx.Err() == nil
		c.cancel(pump.err)
	}
}

var (
	errFree  = errors.New("the server connection is free")
	errQuiet = errors.New("the server has said all that it owed a client who is gone")
)

// pumpServer returns how much of the buffer is part of one message's head.
func (c *Conversation) pumpServer(ctx context.Context, peer Peer) (held int, err error) {
	if c.buffer == nil {
		c.buffer = make([]byte, bufferSize)
	}
	held, err = c.toClient(ctx, peer, peer.Ahead)
	for err == nil {
		n, broken := peer.Read(c.buffer[held:])
		held += n
		if n > 0 {
			held, err = c.toClient(ctx, peer, c.buffer[:held])
		}
		if broken != nil && err == nil {
			return held, c.serverGone(broken)
		}
	}
	return held, err
}

// toClient forwards b as far as the relay lets it, moves the rest to the front of
// the buffer and returns how much that is.
func (c *Conversation) toClient(ctx context.Context, peer Peer, b []byte) (int, error) {
	c.writing.Lock()
	defer c.doneWriting()
	defer c.progressed()
	for rest := b; ; {
		c.mu.Lock()
		if c.ended && !c.deaf {
			c.mu.Unlock()
			return 0, net.ErrClosed // nothing comes behind the last word
		}
		boundary := c.relay.Boundary()
		step, broken := c.relay.FromServer(rest)
		c.noted()
		effects := c.relay.Effects()
		deaf, quiet := c.deaf, c.deaf && !c.relay.Waiting()
		c.mu.Unlock()
		if err := c.pass(rest[:step.Forward], step.Send, boundary, deaf); err != nil {
			return 0, err
		}
		rest = rest[step.Forward+step.Drop:]
		switch {
		case broken != nil:
			return 0, c.lost(fmt.Errorf("server breaks the protocol: %v", broken))
		case step.Pause == relay.Free:
			return 0, errFree
		case step.Pause == relay.Changed:
			c.host.Changed(ctx, effects)
		case step.Pause == relay.Settle:
			var err error
			if rest, err = c.settle(ctx, peer, rest, deaf); err != nil {
				return 0, err
			}
		case step.Moved():
		case quiet:
			return copy(c.buffer, rest), errQuiet
		default:
			return copy(c.buffer, rest), nil
		}
	}
}

// pass sends to the client, who may be gone by then. A server whose connection is
// given back is heard out nevertheless.
func (c *Conversation) pass(forward, send []byte, boundary, deaf bool) error {
	for _, b := range [...][]byte{forward, send} {
		if len(b) == 0 || deaf {
			continue
		}
		if err := c.send(b, boundary); err != nil {
			if !c.relay.Borrows() || isTimeout(err) {
				return err
			}
			c.goDeaf(err)
			return nil
		}
		boundary = true // what is sent in place of messages is whole
	}
	return nil
}

// readySize is the length of ReadyForQuery.
const readySize = wire.HeaderSize + 1

// settle asks the server what the transaction has left behind. rest begins with
// the ReadyForQuery that is held back; it returns that with what has come behind. The
// client gets what came besides.
func (c *Conversation) settle(ctx context.Context, peer Peer, rest []byte, deaf bool) ([]byte, error) {
	c.mu.Lock()
	question := c.relay.Question()
	c.mu.Unlock()
	answer, err := c.host.Ask(ctx, peer, question, rest[readySize:])
	switch {
	case err == nil:
		c.mu.Lock()
		c.relay.Settled(answer.Rows)
		c.noted()
		c.mu.Unlock()
	case errors.Is(err, ErrRefused):
		c.mu.Lock()
		c.relay.Unsettled()
		c.mu.Unlock()
	default:
		return nil, c.lost(err)
	}
	return append(rest[:readySize:readySize], answer.Behind...), c.pass(answer.Asides, nil, true, deaf)
}

// progressed wakes a client pump that awaits the server.
func (c *Conversation) progressed() {
	select {
	case c.progress <- struct{}{}:
	default:
	}
}

// goDeaf notes that the client is gone, and ends its pump.
func (c *Conversation) goDeaf(err error) {
	c.mu.Lock()
	c.deaf, c.lostClient = true, err
	c.mu.Unlock()
	c.client.SetReadDeadline(time.Unix(1, 0))
}

// drainTimeout bounds how long the server may take to end what a client who is
// gone has left running, once it was told to cancel it.
const drainTimeout = 10 * time.Second

// giveBack returns the server connection, if the client still has one at the end
// of a conversation. With gentle, what the client has left running is ended first,
// and the connection can be lent again.
func (c *Conversation) giveBack(life context.Context, gentle bool) {
	if c.pump == nil {
		return
	}
	torn := len(c.out) > 0
	c.mu.Lock()
	c.deaf = true
	torn = torn || c.relay.Torn()
	drain := gentle && !torn && c.relay.HasServer() && c.relay.Waiting()
	var rest []byte
	if drain {
		rest = c.relay.Abandon()
	}
	c.mu.Unlock()
	if drain {
		c.drain(life, rest)
	}
	c.mu.Lock()
	if c.relay.HasServer() {
		c.peer.SetReadDeadline(time.Unix(1, 0)) // the host takes it off
	}
	c.mu.Unlock()
	<-c.pump.done
	if c.pump.freed {
		return
	}
	c.mu.Lock()
	returned := Return{
		Broken: !gentle || torn || c.relay.Waiting() || c.pump.first || c.relay.Settling() || c.relay.Spoiled() ||
			!c.relay.Boundary() || len(c.pump.held) > 0,
		Status:  c.relay.Status(),
		Discard: c.relay.Dirty(),
	}
	c.relay.Detached()
	c.mu.Unlock()
	c.host.Release(c.peer, returned)
}

// drain makes the server come to the end of what it was asked for.
func (c *Conversation) drain(ctx context.Context, rest []byte) {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	if len(rest) > 0 {
		if _, err := c.peer.Write(rest); err != nil {
			return
		}
	}
	if err := c.host.Cancel(ctx, c.peer); err != nil {
		return
	}
	c.mu.Lock()
	endless := c.relay.Waiting() && !c.relay.Owed() // in session mode, for what the client has not sent
	c.mu.Unlock()
	if endless {
		return
	}
	select {
	case <-c.pump.done:
	case <-ctx.Done():
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

// lostError is lostServer. Called under mu.
func (c *Conversation) lostError(cause error) *wire.Error { return lostServer(&c.relay, cause) }

// lostServer is what a client is told whose server connection is of no more use.
func lostServer(session *relay.Session, cause error) *wire.Error {
	lost := &wire.Error{
		Code:    wire.ConnectionFailure,
		Message: "connection to the tenant's Postgres was lost",
		Hint:    "Connect again and repeat the transaction.",
		Kind:    "server_lost",
		Cause:   errors.Join(ErrServerLost, cause),
	}
	if session.CommitSent() {
		lost.Code = wire.TransactionUnknown
		lost.Detail = "A COMMIT was sent and not answered: the transaction may or may not have been committed."
		lost.Hint = "Connect again and look whether it was, before repeating it."
	}
	return lost
}
