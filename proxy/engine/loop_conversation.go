//go:build linux

package engine

import (
	"context"
	"net"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"postern/proxy/relay"
	"postern/proxy/wire"
)

// LoopConversation is one client's session on a Loop, from its login to its end.
// Make one with Loop.New; it has one Start. All of it belongs to the loop's thread
// but for what is atomic.
type LoopConversation struct {
	loop   *eventLoop
	client *Socket
	host   Host
	server *serverEnd  // nil while there is none
	over   func(error) // called once
	first  *Peer       // the server connection that was there before Start

	relay relay.Session
	held  []byte // what the client has sent and cannot go on yet

	activity
	bytesIn, bytesOut atomic.Int64
	hasServer         atomic.Bool // for others

	errand errand // what the host is doing elsewhere
	paused bool   // held waits for more than bytes
	bye    bool   // the client has closed its side
	left   bool   // the client has left, the server may too
	lost   bool   // the client cannot be written to
	ended  bool   // the client gets nothing more
	done   bool   // over was called
	begun  bool   // it was started

	requested bool // the conversation waits by Request, not by Attach

	ending   *wire.Error             // to be said when idle
	err      error                   // why it has ended
	call     context.CancelCauseFunc // ends the errand
	drainBy  int64                   // a moment; 0 unless the server is to come to an end of what it does
	deadline int64                   // the moment of expired, 0 for none; see deadlines
}

// Attach gives the conversation its server connection before Start. It is given
// back if the relay borrows; else it is the client's to the end.
func (c *LoopConversation) Attach(server Peer) {
	c.first = &server
	c.hasServer.Store(true)
}

// Start relays until somebody leaves, and then calls over in a goroutine of its
// own: with nil after the client's Terminate, with what the conversation was ended
// with, or with what else has ended it. By then the client's connection is closed,
// and the host is not called any more. Start itself returns at once.
func (c *LoopConversation) Start(over func(error)) {
	c.over = over
	if !c.loop.post(c.start) {
		c.client.Close()
		go over(net.ErrClosed)
	}
}

func (c *LoopConversation) start() {
	c.loop.live++
	c.begun = true
	err := c.client.take(c.loop)
	if err == nil && c.loop.stopping {
		err = net.ErrClosed
	}
	c.client.drive()
	switch {
	case err != nil:
		c.lost = true
		c.end(err)
	case c.first != nil:
		c.attached(*c.first)
	}
	c.first = nil
	c.handled()
}

// End ends the session at once; the client is told err if it is between two
// messages.
func (c *LoopConversation) End(err *wire.Error) {
	c.loop.post(func() {
		if !c.begun {
			c.ending = err
			return
		}
		c.end(err)
		c.handled()
	})
}

// EndWhenIdle ends the session with err as soon as it is between transactions, at
// once if it is now. It does not wait for that, nor for a client that does not
// read.
func (c *LoopConversation) EndWhenIdle(err *wire.Error) {
	c.loop.post(func() {
		c.ending = err
		c.handled()
	})
}

// EndIfIdle ends the session with err if it is between transactions now.
func (c *LoopConversation) EndIfIdle(err *wire.Error) {
	c.loop.post(func() {
		if c.begun && c.errand == none && c.relay.Idle() {
			c.end(err)
			c.handled()
		}
	})
}

// KeepOn takes an EndWhenIdle back that has not taken effect.
func (c *LoopConversation) KeepOn() { c.loop.post(func() { c.ending = nil }) }

// CancelWait fails the statement that waits for a server connection with err. It
// reports whether there was one.
func (c *LoopConversation) CancelWait(err *wire.Error) bool {
	return c.Doing().Phase == Waiting && c.loop.post(func() {
		c.endWait(err)
		c.handled()
	})
}

// Attached reports whether the client has a server connection.
func (c *LoopConversation) Attached() bool { return c.hasServer.Load() }

// Bytes returns what the client has sent and received since its login.
func (c *LoopConversation) Bytes() (in, out int64) { return c.bytesIn.Load(), c.bytesOut.Load() }

// relayed implements owner.
func (c *LoopConversation) relayed() *LoopConversation { return c }

// handled is called after whatever has happened: it draws the consequences.
func (c *LoopConversation) handled() {
	if c.done || !c.begun {
		return
	}
	if c.ending != nil && !c.ended && c.errand != attaching && c.relay.Idle() {
		c.end(c.ending)
	}
	if c.bye && !c.ended && c.server != nil && c.relay.Borrows() && !c.relay.Pooled() {
		c.hungUp()
	}
	if c.ended {
		c.finish()
	}
	c.client.arm(c.clientEvents())
	if c.server != nil && c.server.socket.driven.Load() {
		c.server.socket.arm(c.serverEvents())
	}
	c.publish()
}

func (c *LoopConversation) clientEvents() (events uint32) {
	if c.readsClient() {
		events |= unix.EPOLLIN
	}
	if c.client.unsent != nil {
		events |= unix.EPOLLOUT
	}
	return events
}

func (c *LoopConversation) serverEvents() (events uint32) {
	if c.readsServer() {
		events |= unix.EPOLLIN | unix.EPOLLRDHUP
	}
	if c.server.socket.unsent != nil {
		events |= unix.EPOLLOUT
	}
	return events
}

// publish tells others how things are.
func (c *LoopConversation) publish() {
	if has := c.relay.HasServer(); c.hasServer.Load() != has {
		c.hasServer.Store(has)
	}
	if c.done {
		c.conclude(c.loop.now)
		c.relay.Closed()
		return
	}
	c.note(&c.relay, c.errand == attaching, c.loop.now)
}
