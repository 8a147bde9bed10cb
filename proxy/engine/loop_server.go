//go:build linux

package engine

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"postern/proxy/relay"
)

// serverEnd is a server connection on a loop. It is made when it is attached for
// the first time, and lives as long as its socket.
type serverEnd struct {
	socket       *Socket
	peer         Peer              // as it was attached last
	conversation *LoopConversation // nil while it is nobody's

	held   []byte      // what the server has said and cannot go on yet
	todo   relay.Pause // why held cannot, if that is not being dealt with already
	deaf   bool        // it cannot be written to; what it says will tell why
	broken bool        // it is of no more use
	goes   bool        // nothing more comes for the server
}

// endOf returns the serverEnd of peer, and takes its socket.
func (l *eventLoop) endOf(peer Peer) (*serverEnd, error) {
	socket, secure := unwrap(peer.Conn)
	if socket == nil {
		return nil, errors.New("the server connection cannot live on an event loop")
	}
	if err := socket.take(l); err != nil {
		return nil, err
	}
	end, ok := socket.owner.(*serverEnd)
	if !ok {
		end = &serverEnd{socket: socket}
		socket.owner, socket.secure = end, secure
	}
	end.peer = peer
	end.peer.Ahead = nil
	return end, nil
}

// relayed implements owner.
func (s *serverEnd) relayed() *LoopConversation { return s.conversation }

// ready implements owner.
func (s *serverEnd) ready(events uint32) {
	c := s.conversation
	if s.socket.unsent != nil && events&^(unix.EPOLLIN|unix.EPOLLRDHUP) != 0 {
		s.deaf = s.socket.flush() != nil || s.deaf
		if s.goes {
			s.hangUp()
		}
	}
	if events&^unix.EPOLLOUT != 0 && c.readsServer() {
		c.readServer()
	}
	c.handled()
}

// listens reports whether more can be sent.
func (s *serverEnd) listens() bool { return s.socket.unsent == nil && !s.deaf && !s.broken && !s.goes }

func (s *serverEnd) send(b []byte) {
	if !s.deaf && s.socket.transmit(b) != nil {
		s.deaf = true
	}
}

// hangUp tells the server that nothing more will come, once all that has is sent.
func (s *serverEnd) hangUp() {
	s.goes = true
	switch {
	case s.socket.unsent != nil:
	case s.socket.secure != nil:
		s.socket.secure.CloseWrite()
		s.socket.transmitSealed()
	default:
		unix.Shutdown(int(s.socket.fd), unix.SHUT_WR)
	}
}

// readsServer reports whether what the server says can go on.
func (c *LoopConversation) readsServer() bool {
	return (c.client.unsent == nil || c.ended) && !c.server.broken && c.server.todo == relay.None &&
		c.errand != changing && c.errand != settling
}

// readServer relays what the server has said.
func (c *LoopConversation) readServer() {
	s := c.server
	n := copy(c.loop.buffer, s.held)
	m, more, err := s.socket.receive(c.loop.buffer[n:])
	if more {
		s.socket.poke()
	}
	if m > 0 {
		c.loop.replace(&s.held, nil)
		c.fromServer(c.loop.buffer[:n+m])
	}
	if err != nil && c.server == s && c.readsServer() {
		c.serverGone(err)
	}
}

// fromServer relays b as far as it goes and holds the rest.
func (c *LoopConversation) fromServer(b []byte) {
	l, s := c.loop, c.server
	for {
		step, err := c.relay.FromServer(b)
		if !c.ended {
			l.toClient.add(b[:step.Forward])
			l.toClient.addCopy(step.Send)
		}
		b = b[step.Forward+step.Drop:]
		if err != nil {
			c.flush()
			c.broke(fmt.Errorf("server breaks the protocol: %v", err))
			return
		}
		if step.Pause != relay.None {
			c.flush()
			l.replace(&s.held, b)
			s.todo = step.Pause
			c.attend()
			return
		}
		if !step.Moved() || len(b) == 0 && step.Drop == 0 {
			break
		}
	}
	c.flush()
	l.replace(&s.held, b)
	if c.errand == none {
		c.goOn()
	}
}

// attend does what the relay wants done before the server's words go on, unless
// the host is busy.
func (c *LoopConversation) attend() {
	s := c.server
	if s == nil || c.errand != none || s.todo == relay.None {
		return
	}
	todo := s.todo
	s.todo = relay.None
	switch todo {
	case relay.Free:
		c.release(Return{Status: 'I', Broken: s.broken || s.socket.unsent != nil})
		if c.errand == none {
			c.goOn()
		}
	case relay.Changed:
		c.change()
	case relay.Settle:
		c.settle()
	}
}

// hearOn relays what the server has said before it was made to wait.
func (c *LoopConversation) hearOn() {
	held := c.server.held
	c.server.held = nil
	c.fromServer(held)
	c.loop.spares.give(held)
}

// serverGone is for the end of the server connection.
func (c *LoopConversation) serverGone(cause error) {
	c.server.broken = true
	switch {
	case c.relay.Fatal():
		c.end(ErrServerEnded)
	case c.left:
		c.end(nil)
	default:
		c.broke(cause)
	}
}

// broke is for a server connection that has broken.
func (c *LoopConversation) broke(cause error) {
	c.server.broken = true
	c.end(lostServer(&c.relay, cause))
}
