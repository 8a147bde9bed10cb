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

// Conversation is one client's session from its login to its end. Make one with
// New; it has one Run.
type Conversation struct {
	client   net.Conn
	host     Host
	cancel   context.CancelCauseFunc // ends Run
	progress chan struct{}           // holds a token when the relay has seen more of the server

	// The client pump's own.
	in       []byte // what was read and not dealt with
	out      []byte // what goes to the server with the next flush
	gathered []byte // room for out
	bye      bool   // the client has closed its side
	peer     Peer   // the server connection: set under mu, and valid while the relay has one
	pump     *serverPump

	buffer []byte // of the pump that runs

	activity          // written under mu
	bytesIn, bytesOut atomic.Int64

	// writing serialises what the client receives. It is taken before mu, and
	// held over a write.
	writing sync.Mutex

	mu      sync.Mutex
	relay   relay.Session           // under mu
	left    bool                    // under mu: the client has left, the server may too
	ending  *wire.Error             // under mu: to be said when idle
	ended   bool                    // under mu: it was said
	torn    bool                    // under mu: the client has part of a message and gets no more
	missed  bool                    // under mu: whole messages could not be sent, and the client is between two
	waiting context.CancelCauseFunc // under mu: ends the wait for a server
	parking bool                    // under mu: the session is to be parked; see Park

	interrupted bool  // under mu: deadlines have been set to end everything
	deaf        bool  // under mu: the client gets nothing more
	lostClient  error // under mu: how the server's pump found that the client is gone
}

// New returns the conversation of a client that has been greeted.
// session, if not nil, prepares the relay, for transaction mode.
func New(client net.Conn, host Host, session func(*relay.Session)) *Conversation {
	c := &Conversation{client: client, host: host, in: make([]byte, 0, bufferSize), progress: make(chan struct{}, 1)}
	if session != nil {
		session(&c.relay)
	}
	c.counter = c.relay.Counter()
	return c
}

// noted is called under mu, after whatever has changed what the relay knows.
func (c *Conversation) noted() { c.note(&c.relay, c.waiting != nil, moment()) }

// Attach gives the conversation its server connection before Run, which gives it
// back if the relay borrows; else it is the client's to the end.
func (c *Conversation) Attach(server Peer) {
	c.peer = server
	c.relay.Attached(server.Server)
}

// Run relays until somebody leaves or ctx ends, whose cause, if it is a
// *wire.Error, is the client's last message. It is nil after the client's
// Terminate. Run does not close the client's connection, which is of no further
// use.
func (c *Conversation) Run(ctx context.Context) error {
	life := ctx
	ctx, c.cancel = context.WithCancelCause(ctx)
	defer c.cancel(nil)
	interrupted := context.AfterFunc(ctx, c.interrupt)
	defer interrupted()

	if c.relay.HasServer() {
		c.mu.Lock()
		c.attached(ctx, c.peer)
		c.mu.Unlock()
	}
	err := c.pumpClient(ctx)
	if c.relay.Borrows() {
		err = c.finish(ctx, life, err)
	} else {
		err = c.finishAlone(ctx, err)
	}
	c.lastWords(err)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conclude(moment())
	c.relay.Closed()
	return err
}

// finishAlone ends a conversation whose server connection is its own when the client
// pump has returned err, and returns why it ended.
func (c *Conversation) finishAlone(ctx context.Context, err error) error {
	if c.pump != nil {
		if err != nil && !errors.Is(err, errServerWrite) {
			c.cancel(err) // the server pump has nobody to talk to
		}
		<-c.pump.done
	}
	return c.reason(ctx, err)
}

// finish is finishAlone where the server connection is given back.
func (c *Conversation) finish(ctx, life context.Context, err error) error {
	c.mu.Lock()
	if c.lostClient != nil {
		err = c.lostClient
	}
	gentle := err == nil || c.ended || errors.Is(err, ErrClientLost)
	c.mu.Unlock()
	if !gentle {
		if !errors.Is(err, errServerWrite) {
			c.cancel(err)
		}
		if c.pump != nil {
			<-c.pump.done
		}
	}
	c.giveBack(life, gentle)
	return c.reason(ctx, err)
}

// reason returns why the conversation ended, from what made the client pump
// return: whoever ended first knows.
func (c *Conversation) reason(ctx context.Context, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ended:
		return c.ending
	case c.pump != nil && c.pump.first:
		return c.pump.err
	case err == nil || isTimeout(err):
		return context.Cause(ctx)
	}
	return err
}

// interrupt makes both pumps return from whatever they wait for.
func (c *Conversation) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.interrupted = true
	c.client.SetDeadline(time.Unix(1, 0))
	if c.relay.HasServer() {
		c.peer.SetDeadline(time.Unix(1, 0))
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
	silent := c.ended || c.torn || c.lostClient != nil || !c.missed && (c.relay.Fatal() || !c.relay.Boundary())
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

// EndIfIdle ends the session with err if it is between transactions now.
func (c *Conversation) EndIfIdle(err *wire.Error) {
	c.mu.Lock()
	if c.waiting == nil && c.relay.Idle() {
		c.ending = err
	}
	c.mu.Unlock()
	c.endIfIdle()
}

// KeepOn takes an EndWhenIdle back that has not taken effect, and a Park.
func (c *Conversation) KeepOn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.ending, c.parking = nil, false
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
	c.parkIfIdle()
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
	return c.relay.HasServer()
}

// Bytes returns what the client has sent and received since its login.
func (c *Conversation) Bytes() (in, out int64) { return c.bytesIn.Load(), c.bytesOut.Load() }

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
