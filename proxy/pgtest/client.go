package pgtest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Client speaks to a server message by message. What is sent is collected and
// written at the next read, or by Write. Errors stick: after the first one all
// calls do nothing and reads return the zero Message, so that a script needs no
// error handling; Err tells. A Client is used by one goroutine.
type Client struct {
	t        testing.TB
	target   Target
	conn     net.Conn
	unsent   []byte
	err      error
	recorded []Event
}

// Event is one step of a conversation: a message received, or the rendering of
// one that was sent.
type Event struct {
	Sent     string
	Received Message
}

// Dial connects, encrypts if the target says so, and sends nothing more. A
// server that cannot be reached, or refuses TLS, fails the test. The connection
// is closed when the test ends.
func Dial(t testing.TB, target Target) *Client {
	t.Helper()
	conn, err := net.DialTimeout(target.Network, target.Address, target.timeout())
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	c := NewClient(t, conn, target)
	if target.TLS != nil {
		if err := c.StartTLS(); err != nil {
			t.Fatalf("encrypt connection: %v", err)
		}
	}
	return c
}

// Connect dials and logs in; anything but success fails the test.
func Connect(t testing.TB, target Target) *Client {
	t.Helper()
	c := Dial(t, target)
	if greeting := c.Startup(); len(greeting) == 0 || greeting[len(greeting)-1].Type != 'Z' {
		t.Fatalf("log in as %q: %s (%v)", target.User, strings.Join(Lines(greeting), "\n"), c.err)
	}
	return c
}

// NewClient speaks over a connection that is there already. The caller closes
// it, or calls Close.
func NewClient(t testing.TB, conn net.Conn, target Target) *Client {
	return &Client{t: t, target: target, conn: conn}
}

// StartTLS encrypts the connection: with an SSLRequest before the handshake, or
// without where the target says DirectTLS.
func (c *Client) StartTLS() error {
	config := c.target.TLS.Clone()
	if c.target.DirectTLS {
		config.NextProtos = []string{"postgresql"}
	} else {
		request, _ := (&pgproto3.SSLRequest{}).Encode(nil) // cannot fail
		if answer, err := c.Ask(request); err != nil || answer != 'S' {
			return fmt.Errorf("request TLS: the server answered %q: %w", answer, err)
		}
	}
	conn := tls.Client(c.conn, config)
	c.deadline()
	if err := conn.Handshake(); err != nil {
		return fmt.Errorf("shake hands: %w", err)
	}
	c.conn = conn
	return nil
}

// Ask writes a request that is answered with a single byte: an SSLRequest or a
// GSSENCRequest.
func (c *Client) Ask(request []byte) (answer byte, err error) {
	c.Raw(request)
	c.Write()
	var b [1]byte
	if c.err == nil {
		c.deadline()
		_, c.err = io.ReadFull(c.conn, b[:])
	}
	return b[0], c.err
}

// Conn is the connection, for whatever the client cannot do. The client goes on
// owning it.
func (c *Client) Conn() net.Conn { return c.conn }

// Err is the first error: io.EOF if the server has closed the connection.
func (c *Client) Err() error { return c.err }

// Recorded is everything that was sent and received so far.
func (c *Client) Recorded() []Event { return slices.Clone(c.recorded) }

// Close closes the connection without a word. Terminate is the polite way.
func (c *Client) Close() { c.conn.Close() }

// Send collects messages to be written.
func (c *Client) Send(messages ...pgproto3.FrontendMessage) {
	for _, m := range messages {
		c.send(m, request(m))
	}
}

func (c *Client) send(m pgproto3.FrontendMessage, as string) {
	c.t.Helper()
	b, err := m.Encode(c.unsent)
	if err != nil {
		c.t.Fatalf("encode %s: %v", as, err)
	}
	c.unsent = b
	c.record(Event{Sent: as})
}

// Raw collects bytes to be written as they are.
func (c *Client) Raw(b []byte) {
	c.unsent = append(c.unsent, b...)
	c.record(Event{Sent: "raw " + value(b)})
}

// Write writes what was collected.
func (c *Client) Write() {
	b := c.unsent
	c.unsent = nil
	for len(b) > 0 && c.err == nil {
		n := len(b)
		if c.target.WriteSize > 0 {
			n = min(n, c.target.WriteSize)
		}
		c.deadline()
		_, err := c.conn.Write(b[:n])
		if err != nil && !closed(err) { // what the server said before it closed is still to be read
			c.err = fmt.Errorf("write: %w", err)
		}
		b = b[n:]
	}
}

// Read writes what was collected and reads one message.
func (c *Client) Read() Message {
	c.Write()
	if c.err != nil {
		return Message{}
	}
	c.deadline()
	m, err := readMessage(c.conn)
	switch {
	case err == nil:
		c.record(Event{Received: m})
	case closed(err):
		c.err = io.EOF
		c.record(Event{}) // rendered as "closed"
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.err = fmt.Errorf("no message within %v: %w", c.target.timeout(), os.ErrDeadlineExceeded)
		c.record(Event{Sent: "(gives up waiting)"})
	default:
		c.err = err
		c.record(Event{Sent: fmt.Sprintf("(cannot go on: %v)", err)})
	}
	return m
}

// ReadUntil reads up to and including a message of one of the types, or to the
// connection's end.
func (c *Client) ReadUntil(types ...byte) []Message {
	var read []Message
	for {
		m := c.Read()
		if m.Type == 0 {
			return read
		}
		read = append(read, m)
		if slices.Contains(types, m.Type) {
			return read
		}
	}
}

// ReadUntilReady reads up to and including the next ReadyForQuery.
func (c *Client) ReadUntilReady() []Message { return c.ReadUntil('Z') }

// ReadUntilClosed reads what still comes until the server closes.
func (c *Client) ReadUntilClosed() []Message { return c.ReadUntil() }

// Expect reads as many messages as there are lines and compares them with the
// lines, as Lines renders them; "closed" stands for the connection's end.
func (c *Client) Expect(lines ...string) {
	c.t.Helper()
	var got []Message
	for range lines {
		m := c.Read()
		got = append(got, m)
		if m.Type == 0 {
			break
		}
	}
	if d := Diff(lines, Lines(got)); d != "" {
		c.t.Errorf("the server's answer differs (- expected, + got, error %v):\n%s", c.err, d)
	}
}

func (c *Client) record(e Event) { c.recorded = append(c.recorded, e) }

func (c *Client) deadline() { _ = c.conn.SetDeadline(time.Now().Add(c.target.timeout())) }
