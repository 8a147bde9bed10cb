package engine

import (
	"context"
	"errors"
	"os"
	"time"
)

// A session in session mode that borrows can be parked between transactions: its
// server connection goes back although the client stays, and its next message asks
// for another. What is here is done by the client pump, which reads nothing
// meanwhile, so what the client sends waits.

// Park has the session parked as soon as it is between transactions, if the Host
// finds that it can be. It does not wait for that, and is over when the Host has
// found that it cannot.
func (c *Conversation) Park() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parking = c.relay.Borrows() && !c.relay.Pooled()
	c.parkIfIdle()
}

// parkIfIdle interrupts the client pump if it is to park the session now. Called
// under mu.
func (c *Conversation) parkIfIdle() {
	if c.parking && c.parkable() {
		c.client.SetReadDeadline(time.Unix(1, 0))
	}
}

// parkable reports whether the session is between transactions and goes on. Called
// under mu.
func (c *Conversation) parkable() bool {
	return !c.interrupted && !c.ended && !c.deaf && c.waiting == nil && c.relay.HasServer() && c.relay.Idle()
}

// unread is for the client pump when its read has timed out: it is err, unless that
// was to park the session, now or a moment ago.
func (c *Conversation) unread(ctx context.Context, err error) error {
	c.mu.Lock()
	if c.interrupted || c.ended || c.deaf || !errors.Is(err, os.ErrDeadlineExceeded) {
		c.mu.Unlock()
		return err
	}
	c.client.SetReadDeadline(time.Time{})
	if !c.parking || !c.parkable() {
		c.mu.Unlock()
		return nil // whoever brings it there tries again
	}
	c.peer.SetReadDeadline(time.Unix(1, 0)) // stops the server pump
	c.mu.Unlock()
	<-c.pump.done
	if !isTimeout(c.pump.err) {
		return errServerWrite // the pump knows more
	}
	return c.park(ctx)
}

// park asks the host, now that nobody reads from the server.
func (c *Conversation) park(ctx context.Context) error {
	c.mu.Lock()
	early := c.pump.held
	if c.interrupted {
		c.mu.Unlock()
		return context.Cause(ctx)
	}
	c.peer.SetReadDeadline(time.Time{})
	if !c.parkable() { // the server is in the middle of a message
		c.resume(ctx, early)
		c.mu.Unlock()
		return nil
	}
	peer, parting := c.peer, c.relay.Part()
	c.parking = false
	c.mu.Unlock()

	answer, parked, err := c.host.Park(ctx, peer, parting, early)
	if err != nil {
		return c.lostParking(ctx, err)
	}
	c.mu.Lock()
	if parked {
		c.relay.Detached()
		c.peer, c.pump = Peer{}, nil
		c.noted()
	}
	c.mu.Unlock()
	if err := c.tell(answer.Asides); err != nil || parked {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resume(ctx, answer.Behind)
	return nil
}

// resume starts another pump on the same server connection. Called under mu.
func (c *Conversation) resume(ctx context.Context, ahead []byte) {
	c.peer.Ahead = ahead
	c.startPump(ctx, c.peer)
}

// tell sends whole messages to the client, unless nothing may come any more.
func (c *Conversation) tell(messages []byte) error {
	c.writing.Lock()
	defer c.doneWriting()
	c.mu.Lock()
	ended := c.ended
	c.mu.Unlock()
	if ended || len(messages) == 0 {
		return nil
	}
	return c.send(messages, true)
}

// lostParking is what a server connection that broke while it was asked ends with.
func (c *Conversation) lostParking(ctx context.Context, err error) error {
	var last *LastWords
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &last):
		return err
	}
	return c.lost(err)
}
