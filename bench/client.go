package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"golang.org/x/sys/unix"

	"postern/proxy/auth"
)

// clientConfig says how a client connects.
type clientConfig struct {
	encrypted bool // TLS 1.3, without resumption
	tenant    int
	number    int // spreads clients over source addresses, since ports are few
	buffer    int // bytes read at once; 0 means 512
}

// client is a Postgres client that costs little, so that many of them leave the
// machine to what is measured.
type client struct {
	conn   net.Conn
	reader *bufio.Reader
	// forget ends the watch over the context.
	forget func() bool
}

// sources is how many loopback addresses clients come from.
const sources = 8

// connect logs in by SCRAM with keys that are made already. The connection is
// closed when ctx ends; the caller closes it otherwise.
func connect(ctx context.Context, p *peer, config clientConfig) (_ *client, err error) {
	c, err := dial(ctx, p, config)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.forget()
			c.conn.Close()
		}
	}()
	who := p.identity(config.tenant)
	startup := &pgproto3.StartupMessage{
		ProtocolVersion: pgproto3.ProtocolVersion30,
		Parameters:      map[string]string{"user": who.user, "database": who.database},
	}
	if err := c.send(startup); err != nil {
		return nil, err
	}
	if err := c.authenticate(auth.NewClient(p.login.keys)); err != nil {
		return nil, err
	}
	return c, c.readUntil('Z')
}

// dial connects, with the TLS handshake if there is one, and says nothing more.
func dial(ctx context.Context, p *peer, config clientConfig) (*client, error) {
	dialer := net.Dialer{
		Timeout:   30 * time.Second,
		LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+config.number%sources))},
		Control: func(_, _ string, raw syscall.RawConn) error {
			// The port is then chosen for the pair of addresses, at the connect.
			return raw.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1) })
		},
	}
	conn, err := dialer.DialContext(ctx, "tcp", p.address)
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, forget: context.AfterFunc(ctx, func() { conn.Close() })}
	if config.encrypted {
		if c.conn, err = encrypt(ctx, conn); err != nil {
			c.forget()
			conn.Close()
			return nil, err
		}
	}
	c.reader = bufio.NewReaderSize(c.conn, max(config.buffer, 512))
	return c, nil
}

// encrypt asks for TLS.
func encrypt(ctx context.Context, conn net.Conn) (net.Conn, error) {
	request, err := (&pgproto3.SSLRequest{}).Encode(nil)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(request); err != nil {
		return nil, err
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return nil, err
	}
	if answer[0] != 'S' {
		return nil, errors.New("TLS is refused")
	}
	encrypted := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
	return encrypted, encrypted.HandshakeContext(ctx)
}

func (c *client) authenticate(exchange *auth.Client) error {
	body, err := c.expectAuthentication(pgproto3.AuthTypeSASL)
	if err != nil {
		return err
	}
	var offer pgproto3.AuthenticationSASL
	if err := offer.Decode(body); err != nil {
		return err
	}
	mechanism, first, err := exchange.ClientFirst(offer.AuthMechanisms)
	if err != nil {
		return err
	}
	if err := c.send(&pgproto3.SASLInitialResponse{AuthMechanism: mechanism, Data: first}); err != nil {
		return err
	}
	if body, err = c.expectAuthentication(pgproto3.AuthTypeSASLContinue); err != nil {
		return err
	}
	final, err := exchange.ClientFinal(body[4:])
	if err != nil {
		return err
	}
	if err := c.send(&pgproto3.SASLResponse{Data: final}); err != nil {
		return err
	}
	if body, err = c.expectAuthentication(pgproto3.AuthTypeSASLFinal); err != nil {
		return err
	}
	if err := exchange.Verify(body[4:]); err != nil {
		return err
	}
	_, err = c.expectAuthentication(pgproto3.AuthTypeOk)
	return err
}

// expectAuthentication reads an authentication message of a kind.
func (c *client) expectAuthentication(kind uint32) ([]byte, error) {
	tag, body, err := c.read()
	switch {
	case err != nil:
		return nil, err
	case tag != 'R' || len(body) < 4 || binary.BigEndian.Uint32(body) != kind:
		return nil, fmt.Errorf("log in: unexpected message %q", tag)
	}
	return body, nil
}

func (c *client) send(message pgproto3.FrontendMessage) error {
	bytes, err := message.Encode(nil)
	if err != nil {
		return err
	}
	_, err = c.conn.Write(bytes)
	return err
}

// close says goodbye.
func (c *client) close() {
	c.forget()
	c.conn.SetDeadline(time.Now().Add(time.Second))
	c.send(&pgproto3.Terminate{})
	c.conn.Close()
}
