package pool

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"postern/proxy/wire"
)

// maxAside is how much may arrive on an idle connection until it is lent, in
// bytes.
const maxAside = 8 << 10

// look tells, without waiting, whether an idle server connection can be lent. It
// cannot if the server has closed it, or has said anything that does not belong
// to an idle session: a FATAL, for one. A notification does not either; it comes
// from a LISTEN that a client has left behind, and the next must not get it. The
// changed settings and notices that may come are put into Early. Over TLS they
// cannot be seen, so whatever comes makes it unfit.
func (c *connection) look() error {
	if secure, ok := c.server.Conn.(*tls.Conn); ok {
		if err := buffered(secure); err != nil {
			return err
		}
		c.peek.at(c.server.Conn)
		return c.peek.mustBeQuiet()
	}
	c.peek.at(c.server.Conn)
	something, err := c.peek.now()
	if err != nil || !something {
		return err
	}
	b := make([]byte, maxAside)
	n, err := c.server.Read(b) // does not wait
	if err != nil {
		return err
	}
	c.server.Early = append(c.server.Early, b[:n]...)
	if len(c.server.Early) > maxAside { // it goes on like that, and nobody reads it
		return errTalks
	}
	if err := checkAsides(c.server.Early); err != nil {
		return err
	}
	return c.peek.mustBeQuiet()
}

// errTalks: something came that was not asked for.
var errTalks = errors.New("the server has sent what an idle session does not")

// buffered is errTalks if the TLS layer holds bytes that were not read. It does
// not look at the socket.
func buffered(secure *tls.Conn) error {
	if err := secure.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return err
	}
	var b [1]byte
	n, err := secure.Read(b[:])
	var timeout net.Error
	switch {
	case n > 0:
		return errTalks
	case errors.As(err, &timeout) && timeout.Timeout():
		return secure.SetReadDeadline(time.Time{})
	case err == nil:
		err = io.ErrNoProgress
	}
	return err
}

// checkAsides is an error unless b is whole messages of the kinds that a server
// may send to an idle session.
func checkAsides(b []byte) error {
	for len(b) > 0 {
		h, ok, err := wire.ParseHeader(b)
		switch {
		case err != nil || !ok || h.Length > len(b):
			return errTalks
		case h.Type == wire.MsgErrorResponse:
			return fmt.Errorf("the server has ended the session: %w", refused(b[:h.Length]))
		case h.Type != wire.MsgParameterStatus && h.Type != wire.MsgNoticeResponse:
			return errTalks
		}
		b = b[h.Length:]
	}
	return nil
}

// mustBeQuiet is an error if anything at all has arrived.
func (p *peek) mustBeQuiet() error {
	something, err := p.now()
	if err == nil && something {
		err = errTalks
	}
	return err
}
