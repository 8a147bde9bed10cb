package pgtest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Startup sends the startup message, answers what the server asks, and returns
// what it has sent: up to ReadyForQuery, an ErrorResponse or the connection's
// end. A client that cannot go on (a password is asked for that it does not
// have, the server's signature is wrong) sets Err.
func (c *Client) Startup() []Message {
	message := c.target.startup()
	c.send(message, fmt.Sprintf("StartupMessage %d.%d", message.ProtocolVersion>>16, message.ProtocolVersion&0xffff))
	var login scramLogin
	var received []Message
	for {
		m := c.Read()
		if m.Type == 0 {
			return received
		}
		received = append(received, m)
		switch m.Type {
		case 'Z', 'E':
			return received
		case 'R':
			if err := c.authenticate(m, &login); err != nil {
				c.err = fmt.Errorf("authenticate: %w", err)
				return received
			}
		}
	}
}

func (c *Client) authenticate(m Message, login *scramLogin) error {
	decoded, err := m.Decode()
	if err != nil {
		return err
	}
	switch a := decoded.(type) {
	case *pgproto3.AuthenticationOk:
		return nil
	case *pgproto3.AuthenticationCleartextPassword:
		c.send(&pgproto3.PasswordMessage{Password: c.target.Password}, "PasswordMessage")
		return nil
	case *pgproto3.AuthenticationSASL:
		return c.beginSCRAM(a.AuthMechanisms, login)
	case *pgproto3.AuthenticationSASLContinue:
		response, err := login.respond(string(a.Data), c.target.Password)
		if err != nil {
			return err
		}
		c.send(&pgproto3.SASLResponse{Data: []byte(response)}, "SASLResponse")
		return nil
	case *pgproto3.AuthenticationSASLFinal:
		return login.verify(string(a.Data))
	}
	return fmt.Errorf("the server asks for %T", decoded)
}

// beginSCRAM chooses a mechanism by name and sends the client's first message.
func (c *Client) beginSCRAM(mechanisms []string, login *scramLogin) error {
	mechanism := "SCRAM-SHA-256"
	if c.target.ChannelBinding && slices.Contains(mechanisms, mechanism+"-PLUS") {
		conn, ok := c.conn.(*tls.Conn)
		if !ok {
			return errors.New("the server offers SCRAM-SHA-256-PLUS without TLS")
		}
		mechanism += "-PLUS"
		if err := login.bind(conn.ConnectionState().PeerCertificates[0]); err != nil {
			return err
		}
	}
	if !slices.Contains(mechanisms, mechanism) {
		return fmt.Errorf("the server offers only %q", mechanisms)
	}
	c.send(&pgproto3.SASLInitialResponse{AuthMechanism: mechanism, Data: []byte(login.first())}, "SASLInitialResponse "+mechanism)
	return nil
}
