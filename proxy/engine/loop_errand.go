//go:build linux

package engine

import (
	"bytes"
	"context"
	"errors"

	"postern/proxy/relay"
	"postern/proxy/wire"
)

// errand is what the host does for a conversation in a goroutine, because it may
// take long. There is one at a time.
type errand uint8

const (
	none errand = iota
	attaching
	changing  // Changed
	settling  // Ask
	canceling // Cancel
	releasing // Release
)

// sendOut begins an errand: work runs in a goroutine, and done on the thread when
// that has returned.
func (c *LoopConversation) sendOut(e errand, work func(context.Context), done func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	c.errand, c.call = e, cancel
	go c.run(ctx, work, done)
}

// run is the goroutine of an errand. The conversation is not over, and so the
// loop does not stop, before it has returned.
func (c *LoopConversation) run(ctx context.Context, work func(context.Context), done func()) {
	work(ctx)
	c.loop.post(func() {
		c.call(nil)
		c.errand, c.call = none, nil
		done()
		c.attend()
		c.handled()
	})
}

// attach gets a server connection. It is false if that takes time; the client
// waits then.
func (c *LoopConversation) attach() bool {
	if c.errand != none {
		return false // the one before is still being given back
	}
	want := c.relay.Settings()
	if peer, ok := c.host.TryAttach(want); ok {
		c.attached(peer)
		return true
	}
	c.await(want)
	return false
}

// await waits for a server connection: in the host's queue or, where that will not
// do, in a goroutine.
func (c *LoopConversation) await(want relay.Settings) {
	c.errand = attaching
	c.requested = c.host.Request(want, c)
	if c.requested {
		return
	}
	var peer Peer
	var err error
	c.sendOut(attaching, func(ctx context.Context) {
		peer, err = c.host.Attach(ctx, want)
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx) // a cancel, or ErrClientLost
		}
	}, func() { c.arrived(peer, err) })
}

// Deliver implements Waiter, for the host.
func (c *LoopConversation) Deliver(peer Peer, err error) {
	if !c.loop.send(letter{to: c, peer: peer, err: err}) && err == nil {
		c.host.Release(peer, Return{Broken: true})
	}
}

// endWait ends the wait for a server connection with cause, unless it is over.
func (c *LoopConversation) endWait(cause error) {
	switch {
	case c.errand != attaching:
	case !c.requested:
		c.call(cause)
	case c.host.CancelRequest():
		c.delivered(Peer{}, cause)
	}
}

func (c *LoopConversation) delivered(peer Peer, err error) {
	c.errand, c.requested = none, false
	c.arrived(peer, err)
	c.attend()
	c.handled()
}

// arrived ends a wait for a server connection.
func (c *LoopConversation) arrived(peer Peer, err error) {
	switch {
	case c.ended && err == nil:
		c.host.Release(peer, Return{Status: 'I'})
	case c.ended:
	case err != nil:
		c.refuse(err)
	default:
		c.attached(peer)
	}
	c.goOn()
}

// attached makes peer the client's server connection.
func (c *LoopConversation) attached(peer Peer) {
	s, err := c.loop.endOf(peer)
	if err != nil {
		if c.relay.Borrows() {
			c.sendOut(releasing, func(context.Context) { c.host.Release(peer, Return{Broken: true}) }, func() {})
		}
		c.end(wire.AsError(err))
		return
	}
	s.socket.drive()
	s.conversation, c.server = c, s
	c.relay.Attached(peer.Server)
	if len(peer.Ahead) > 0 {
		c.fromServer(peer.Ahead)
	}
	s.socket.poke()
}

// refuse makes the relay answer in place of the server, or ends the session.
func (c *LoopConversation) refuse(err error) {
	var last *LastWords
	var failure *wire.Error
	if errors.As(err, &last) || !errors.As(err, &failure) {
		c.end(err)
		return
	}
	c.relay.Refuse(c.host.Explain(failure))
}

// change tells the host what has changed, before the client learns of it.
func (c *LoopConversation) change() {
	effects := c.relay.Effects()
	c.sendOut(changing, func(ctx context.Context) { c.host.Changed(ctx, effects) }, c.hearOn)
}

// settle asks the server what the transaction has left behind. The server has
// said ReadyForQuery, which is held back, and perhaps more.
func (c *LoopConversation) settle() {
	if c.ended { // and nobody will need it
		c.relay.Unsettled()
		c.hearOn()
		return
	}
	s := c.server
	early := bytes.Clone(s.held[readySize:])
	question := c.relay.Question()
	var answer Answer
	var err error
	s.socket.lend()
	s.socket.watch(false)
	c.sendOut(settling, func(ctx context.Context) {
		answer, err = c.host.Ask(ctx, s.peer, question, early)
	}, func() {
		s.socket.drive()
		switch {
		case err == nil:
			c.relay.Settled(answer.Rows)
		case errors.Is(err, ErrRefused):
			c.relay.Unsettled()
		default:
			c.broke(err)
			return
		}
		s.held = append(s.held[:readySize], answer.Behind...)
		c.loop.toClient.addCopy(answer.Asides)
		c.flush()
		c.hearOn()
		s.socket.poke()
	})
}

// release gives the server connection back.
func (c *LoopConversation) release(returned Return) {
	s := c.server
	c.server, s.conversation = nil, nil
	c.relay.Detached()
	c.loop.replace(&s.held, nil)
	s.todo = relay.None
	s.socket.lend()
	if !returned.Broken && !returned.Discard && returned.Status == 'I' {
		c.host.Release(s.peer, returned)
		return
	}
	s.socket.watch(false)
	peer := s.peer
	c.sendOut(releasing, func(context.Context) { c.host.Release(peer, returned) }, func() {
		s.socket.watch(true)
		c.goOn()
	})
}
