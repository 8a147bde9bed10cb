package wire

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
)

// ALPN is the name of the protocol in a TLS handshake.
const ALPN = "postgresql"

// recordHandshake is the first byte of a TLS handshake. As the first byte of a
// length it would mean 352 MiB, so it cannot be mistaken for a startup packet.
const recordHandshake = 0x16

// directTLS takes a handshake that was not asked for by an SSLRequest. Such a
// client must name the protocol by ALPN, lest it was made to speak to the wrong
// server (ALPACA).
func (n *negotiation) directTLS(conn net.Conn) error {
	if n.options.TLS == nil {
		return errors.New("TLS handshake: TLS is not offered")
	}
	if err := n.handshake(conn); err != nil {
		return err
	}
	if n.opening.TLS.NegotiatedProtocol != ALPN {
		return &Error{
			Code:    ProtocolViolation,
			Message: "received direct SSL connection request without ALPN protocol negotiation extension",
		}
	}
	return nil
}

func (n *negotiation) handshake(conn net.Conn) error {
	var shown *tls.Certificate
	c := tls.Server(conn, connectionConfig(n.options.TLS, &shown))
	if err := c.Handshake(); err != nil {
		if hungUp(err) {
			err = ErrHangUp
		}
		return fmt.Errorf("TLS handshake: %w", err)
	}
	certificate, err := leaf(shown)
	if err != nil {
		return fmt.Errorf("TLS handshake: parse own certificate: %w", err)
	}
	state := c.ConnectionState()
	n.opening.Conn, n.opening.TLS, n.opening.Certificate = c, &state, certificate
	return nil
}

// connectionConfig is config for one connection, which notes in shown the
// certificate that is shown to the client.
func connectionConfig(config *tls.Config, shown **tls.Certificate) *tls.Config {
	c := config.Clone()
	c.NextProtos = []string{ALPN}
	c.SessionTicketsDisabled = true
	c.Certificates = nil // so that GetCertificate is always asked
	c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		certificate, err := chooseCertificate(config, hello)
		*shown = certificate
		return certificate, err
	}
	if choose := config.GetConfigForClient; choose != nil {
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			chosen, err := choose(hello)
			if chosen == nil || err != nil {
				return nil, err
			}
			return connectionConfig(chosen, shown), nil
		}
	}
	return c
}

// chooseCertificate follows the rules of crypto/tls: GetCertificate first, then
// the first of Certificates that suits the client, then the first of all.
func chooseCertificate(config *tls.Config, hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if config.GetCertificate != nil {
		if c, err := config.GetCertificate(hello); c != nil || err != nil {
			return c, err
		}
	}
	for i := range config.Certificates {
		if hello.SupportsCertificate(&config.Certificates[i]) == nil {
			return &config.Certificates[i], nil
		}
	}
	if len(config.Certificates) > 0 {
		return &config.Certificates[0], nil
	}
	return nil, errors.New("no certificate is configured")
}

func leaf(c *tls.Certificate) (*x509.Certificate, error) {
	if c.Leaf != nil {
		return c.Leaf, nil
	}
	return x509.ParseCertificate(c.Certificate[0])
}

// unread is a connection with a few bytes put back in front. Once a TLS
// handshake over it is done they are used up.
type unread struct {
	net.Conn
	bytes []byte
}

func (u *unread) Read(b []byte) (int, error) {
	if len(u.bytes) == 0 {
		return u.Conn.Read(b)
	}
	n := copy(b, u.bytes)
	u.bytes = u.bytes[n:]
	return n, nil
}

// NetConn returns the connection beneath, as (*tls.Conn).NetConn does.
func (u *unread) NetConn() net.Conn { return u.Conn }
