//go:build linux

package engine

import (
	"bytes"
	"errors"
	"io"

	"golang.org/x/sys/unix"

	"postern/proxy/relay"
)

// maxHeld is how much of a client's is held that cannot go on, in bytes.
const maxHeld = 64 << 10

// ready implements owner for the client's socket.
func (c *LoopConversation) ready(events uint32) {
	if c.client.unsent != nil && events&^(unix.EPOLLIN|unix.EPOLLRDHUP) != 0 {
		if err := c.client.flush(); err != nil {
			c.lose(err)
		}
	}
	if events&^unix.EPOLLOUT != 0 && c.readsClient() {
		c.readClient()
	}
	c.handled()
}

// readsClient reports whether there is room for what the client sends.
func (c *LoopConversation) readsClient() bool {
	return !c.ended && !c.bye && len(c.held) < maxHeld &&
		c.client.unsent.size() < 2*loopBuffer && // it does not read our answers
		(c.server == nil || c.server.listens())
}

// readClient relays what the client has sent.
func (c *LoopConversation) readClient() {
	buffer := c.loop.buffer
	if c.paused {
		buffer = buffer[:maxHeld]
	}
	n := copy(buffer, c.held)
	m, more, err := c.client.receive(buffer[n:])
	c.bytesIn.Add(int64(m))
	if c.counter != nil {
		c.counter.BytesIn.Add(int64(m))
	}
	if more {
		c.client.poke()
	}
	switch {
	case m == 0:
	case c.paused:
		c.hold(buffer[:n+m])
	default:
		c.hold(nil)
		c.fromClient(buffer[:n+m])
	}
	switch {
	case err == nil:
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		c.bye = true
		c.hungUp()
	default:
		c.lose(err)
	}
}

// hold keeps b, in place of what was held before.
func (c *LoopConversation) hold(b []byte) { c.loop.replace(&c.held, b) }

// fromClient relays b as far as it goes and holds the rest.
func (c *LoopConversation) fromClient(b []byte) {
	l := c.loop
	for len(b) > 0 && !c.ended {
		step, err := c.relay.FromClient(b)
		l.toServer.add(b[:step.Forward])
		l.toServer.addCopy(step.Send)
		l.toClient.addCopy(step.Answer)
		b = b[step.Forward+step.Drop:]
		c.left = c.left || c.relay.Terminated()
		switch {
		case err != nil:
			c.flush()
			c.end(err)
			return
		case step.Pause == relay.Goodbye:
			c.flush()
			c.end(nil)
			return
		case step.Pause == relay.NeedServer && c.attach():
			continue
		case step.Pause == relay.Vacate:
			c.host.Vacate(c.relay.Databases())
			c.relay.Vacated()
			continue
		case step.Pause != relay.None:
			c.paused = true
		case step.Moved():
			continue
		}
		break
	}
	c.flush()
	c.hold(b)
	if c.bye {
		c.hungUp()
	}
}

// goOn relays what is held, now that there is no reason to hold it.
func (c *LoopConversation) goOn() {
	if c.ended || !c.paused {
		return
	}
	c.paused = false
	held := c.held
	c.held = nil
	c.fromClient(held)
	c.loop.spares.give(held)
}

// hungUp is for a client that has closed its side, once and whenever it goes on.
// In session mode the statements that it sent before are run and answered, as by
// PostgreSQL itself; otherwise they are canceled, unless it has said goodbye
// behind them.
func (c *LoopConversation) hungUp() {
	polite := c.paused && bytes.HasSuffix(c.held, terminate)
	switch {
	case c.ended || polite:
	case c.errand == attaching:
		c.endWait(ErrClientLost)
	case c.server == nil || c.relay.Pooled():
		c.end(ErrClientLost)
	case c.relay.Borrows(): // the server connection is not closed with it; handled looks again
		if !c.relay.Owed() || c.relay.Torn() {
			c.end(ErrClientLost)
		}
	case !c.paused:
		c.left = true
		c.server.hangUp()
	}
}

// lose is for a client whose connection has broken.
func (c *LoopConversation) lose(err error) {
	c.lost = true
	c.end(errors.Join(ErrClientLost, err))
}

// flush sends what was gathered for both sides.
func (c *LoopConversation) flush() {
	if b := c.loop.toServer.take(); len(b) > 0 && c.server != nil {
		c.server.send(b)
	}
	if b := c.loop.toClient.take(); len(b) > 0 && !c.ended {
		c.bytesOut.Add(int64(len(b)))
		if c.counter != nil {
			c.counter.BytesOut.Add(int64(len(b)))
		}
		if err := c.client.transmit(b); err != nil {
			c.lose(err)
		}
	}
}
