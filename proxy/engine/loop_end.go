//go:build linux

package engine

import (
	"context"
	"errors"
	"time"

	"postern/proxy/relay"
	"postern/proxy/wire"
)

// end ends the conversation with err, which the client is told unless it knows or
// has part of a message. What remains to be done is finish's.
func (c *LoopConversation) end(err error) {
	if c.ended {
		return
	}
	if !c.lost && !c.relay.Fatal() && c.relay.Boundary() {
		if words := c.lastWords(err); len(words) > 0 {
			c.lost = c.client.transmit(words) != nil
			c.hearOut()
		}
	}
	c.ended, c.err = true, err
	c.endWait(err)
	if c.client.unsent != nil {
		c.loop.wakeUp(c, lastWordsTimeout)
	}
}

// lastWords returns what the client is told of err; nil for nothing.
func (c *LoopConversation) lastWords(err error) []byte {
	var last *LastWords
	var failure *wire.Error
	switch {
	case errors.As(err, &last):
		return last.Message
	case errors.As(err, &failure):
		return c.host.Explain(failure).AppendFatal(nil)
	}
	return nil
}

// hearOut reads what the client has sent by now: if it were still there when the
// connection is closed, the system would not deliver the last words.
func (c *LoopConversation) hearOut() { receive(c.client.fd, c.loop.buffer) }

// finish does what is left to do of a conversation that has ended, as far as that
// is possible now, and says that it is over when it is.
func (c *LoopConversation) finish() {
	if c.client.fd >= 0 && (c.lost || c.client.unsent == nil) {
		c.closeClient()
	}
	if c.server != nil && c.errand == none {
		c.giveBack()
	}
	if c.client.fd < 0 && c.server == nil && c.errand == none && !c.done {
		c.done = true
		c.loop.live--
		c.publish()
		c.hold(nil)
		go c.over(c.err)
	}
}

func (c *LoopConversation) closeClient() {
	if secure := c.client.secure; secure != nil && !c.lost {
		secure.CloseWrite()
		c.client.transmitSealed()
	}
	c.client.close()
}

// giveBack returns the server connection of a conversation that has ended, after
// the server has ended what the client has left running.
func (c *LoopConversation) giveBack() {
	s := c.server
	gentle := c.err == nil || errors.Is(c.err, ErrClientLost)
	switch {
	case !c.relay.Borrows(): // it is the host's
		c.server, s.conversation = nil, nil
		s.socket.lend()
		s.socket.watch(false)
	case s.broken || s.deaf || c.relay.Torn() || c.relay.Waiting() && !gentle:
		c.release(Return{Broken: true})
	case s.todo != relay.None:
		c.attend()
	case !c.relay.Waiting():
		c.release(Return{
			Broken: s.socket.unsent != nil || c.relay.Settling() || c.relay.Spoiled() ||
				!c.relay.Boundary() || len(s.held) > 0,
			Status:  c.relay.Status(),
			Discard: c.relay.Dirty(),
		})
	case c.drainBy == 0:
		c.drain()
	}
}

// drain makes the server come to an end of what it does. It is heard out.
func (c *LoopConversation) drain() {
	c.drainBy = moment() + int64(drainTimeout)
	c.loop.wakeUp(c, drainTimeout)
	if rest := c.relay.Abandon(); len(rest) > 0 {
		c.server.send(rest)
	}
	peer := c.server.peer
	c.sendOut(canceling, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, drainTimeout)
		defer cancel()
		if c.host.Cancel(ctx, peer) != nil {
			return // it may come to an end all the same
		}
	}, func() {
		if c.relay.Waiting() && !c.relay.Owed() && c.server != nil {
			c.server.broken = true // in session mode, for what the client has not sent
		}
	})
}

// expired is called at the deadline.
func (c *LoopConversation) expired() {
	if c.done {
		return
	}
	c.lost = true // if the client has not read everything by now
	if c.drainBy != 0 && c.server != nil {
		if left := time.Duration(c.drainBy - moment()); left > 0 {
			c.loop.wakeUp(c, left)
		} else {
			c.server.broken = true
		}
	}
	c.handled()
}

// abandon ends a conversation without waiting for anybody but the host.
func (c *LoopConversation) abandon() {
	c.lost = true
	if c.server != nil {
		c.server.broken = true
	}
	if c.call != nil {
		c.call(c.err)
	}
	c.handled()
}

// watch says whether the loop looks at a lent socket that nobody reads.
func (s *Socket) watch(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.driven.Load() || s.ended || s.lent != nil && s.lent.waiting {
		return
	}
	var events uint32
	if on {
		events = news
	}
	s.arm(events)
}
