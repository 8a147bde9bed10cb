package engine

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"postern/proxy/relay"
	"postern/proxy/wire"
)

// Host is the session as its conversation sees it.
type Host interface {
	// Attach returns a server connection that is logged in and idle; the host
	// keeps owning it. ctx ends if the client hangs up or cancels. A *wire.Error
	// fails the statement that asked and keeps the session, a *LastWords ends it.
	Attach(ctx context.Context) (Peer, error)
	// Changed is called when statements that may have changed what Postern
	// remembers of the tenant have succeeded, before the client learns of it.
	Changed(ctx context.Context, effects relay.Effects)
	// Explain returns err with what only the session knows, for the client.
	Explain(err *wire.Error) *wire.Error
}

// Peer is a server connection with what comes before anything that is read from
// it: what was read already, and whole messages of the host's own before that.
type Peer struct {
	net.Conn
	Ahead []byte
}

// LastWords is an error that ends the session with bytes that another has
// written, such as a backend's own ErrorResponse.
type LastWords struct {
	// Message is sent as it is: whole messages, FATAL the last.
	Message []byte
	Err     error
}

func (e *LastWords) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *LastWords) Unwrap() error { return e.Err }

// How a conversation ends other than by the client's Terminate, for errors.Is.
var (
	// ErrClientLost: the client hung up without a word.
	ErrClientLost = errors.New("client connection lost")
	// ErrServerLost: the server connection broke; the client was told.
	ErrServerLost = errors.New("server connection lost")
	// ErrServerEnded: the server said why it ended, and the client has that.
	ErrServerEnded = errors.New("server ended the connection")
)

// errServerWrite ends the client pump; the server pump knows more.
var errServerWrite = errors.New("cannot write to the server")

// bufferSize is what one pump reads at a time, in bytes.
const bufferSize = 32 << 10

// lastWordsTimeout bounds the writing of a last message to a client that may
// have stopped reading.
const lastWordsTimeout = time.Second

// Conversation is one client's session in session mode, from its login to its
// end. Make one with New; it has one Run.
type Conversation struct {
	client net.Conn
	host   Host
	in     []byte // the client pump's buffer: what was read and not dealt with
	ahead  []byte // of the server that was there before Run
	bye    bool   // the client has said Terminate or closed its side; client pump's

	bytesIn, bytesOut atomic.Int64

	// writing serialises what the client receives. It is taken before mu, and
	// held over a write.
	writing sync.Mutex

	mu      sync.Mutex
	relay   relay.Session           // under mu
	server  net.Conn                // under mu; nil until attached
	left    bool                    // under mu: the client has left, the server may too
	ending  *wire.Error             // under mu: to be said when idle
	ended   bool                    // under mu: it was said
	torn    bool                    // under mu: the client has part of a message and gets no more
	missed  bool                    // under mu: whole messages could not be sent, and the client is between two
	waiting context.CancelCauseFunc // under mu: ends the wait for a server
}

// New returns the conversation of a client that has been greeted.
func New(client net.Conn, host Host) *Conversation {
	return &Conversation{client: client, host: host, in: make([]byte, 0, bufferSize)}
}

// Attach gives the conversation its server connection before Run.
func (c *Conversation) Attach(server Peer) {
	c.server, c.ahead = server.Conn, server.Ahead
	c.relay.Attached()
}

// Run relays until somebody leaves or ctx ends, whose cause, if it is a
// *wire.Error, is the client's last message. It is nil after the client's
// Terminate. Run closes nothing; both connections are of no further use.
func (c *Conversation) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	interrupted := context.AfterFunc(ctx, c.interrupt)
	defer interrupted()

	pump := &serverPump{conversation: c, done: make(chan struct{})}
	if c.server != nil {
		go pump.run(ctx, Peer{c.server, c.ahead}, cancel)
	}
	err := c.pumpClient(ctx, pump, cancel)
	if c.Attached() {
		if err != nil && !errors.Is(err, errServerWrite) {
			cancel(err) // the server pump has nobody to talk to
		}
		<-pump.done
	}
	err = c.reason(ctx, pump, err)
	c.lastWords(err)
	return err
}

// reason returns why the conversation ended, from what made the client pump
// return: whoever ended first knows.
func (c *Conversation) reason(ctx context.Context, pump *serverPump, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ended:
		return c.ending
	case pump.first:
		return pump.err
	case err == nil || isTimeout(err):
		return context.Cause(ctx)
	}
	return err
}

// interrupt makes both pumps return from whatever they wait for.
func (c *Conversation) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.client.SetDeadline(time.Unix(1, 0))
	if c.server != nil {
		c.server.SetDeadline(time.Unix(1, 0))
	}
}

// lastWords tells the client why the conversation ends, unless it knows or has
// part of a message.
func (c *Conversation) lastWords(err error) {
	var message []byte
	var last *LastWords
	var failure *wire.Error
	switch {
	case errors.As(err, &last):
		message = last.Message
	case errors.As(err, &failure):
		message = c.host.Explain(failure).AppendFatal(nil)
	default:
		return
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	c.mu.Lock()
	silent := c.ended || c.torn || !c.missed && (c.relay.Fatal() || !c.relay.Boundary())
	c.ended = true
	c.mu.Unlock()
	if !silent {
		c.client.SetWriteDeadline(time.Now().Add(lastWordsTimeout))
		c.client.Write(message)
	}
}

// EndWhenIdle ends the session with err as soon as it is between transactions,
// at once if it is now. It does not wait for that, nor for a client that does not
// read.
func (c *Conversation) EndWhenIdle(err *wire.Error) {
	c.mu.Lock()
	c.ending = err
	c.mu.Unlock()
	c.endIfIdle()
}

// KeepOn takes an EndWhenIdle back that has not taken effect.
func (c *Conversation) KeepOn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.ending = nil
	}
}

// doneWriting ends what writing was locked for.
func (c *Conversation) doneWriting() {
	c.writing.Unlock()
	c.endIfIdle()
}

// endIfIdle says the last word if it is due. Whoever is writing looks again when
// that is done, so nobody has to wait for it here.
func (c *Conversation) endIfIdle() {
	for c.lastWordDue() && c.writing.TryLock() {
		c.sayLastWord()
		c.writing.Unlock()
	}
}

func (c *Conversation) lastWordDue() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.isLastWordDue()
}

// isLastWordDue is called under mu.
func (c *Conversation) isLastWordDue() bool {
	return c.ending != nil && !c.ended && !c.torn && c.waiting == nil && c.relay.Idle()
}

// sayLastWord is called under writing.
func (c *Conversation) sayLastWord() {
	c.mu.Lock()
	if !c.isLastWordDue() {
		c.mu.Unlock()
		return
	}
	c.ended = true
	message := c.host.Explain(c.ending).AppendFatal(nil)
	c.mu.Unlock()
	c.client.SetWriteDeadline(time.Now().Add(lastWordsTimeout))
	c.client.Write(message)
	c.client.SetReadDeadline(time.Unix(1, 0)) // ends the client pump
}

// CancelWait fails the statement that waits for a server connection with err. It
// reports whether there was one.
func (c *Conversation) CancelWait(err *wire.Error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting == nil {
		return false
	}
	c.waiting(err)
	return true
}

// Attached reports whether the client has a server connection.
func (c *Conversation) Attached() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.server != nil
}

// Busy reports whether the client is in a transaction or waits for an answer.
func (c *Conversation) Busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting != nil || !c.relay.Idle()
}

// Bytes returns what the client has sent and received since its login.
func (c *Conversation) Bytes() (in, out int64) { return c.bytesIn.Load(), c.bytesOut.Load() }

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
