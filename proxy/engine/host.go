package engine

import (
	"context"
	"errors"
	"net"

	"postern/proxy/relay"
	"postern/proxy/wire"
)

// Host is the session as its conversation sees it: where server connections come
// from and go to. Its methods may block but for TryAttach and Request, and are
// called one at a time.
type Host interface {
	// Attach returns a server connection that is logged in and idle, with these
	// settings in effect. ctx ends if the client hangs up or cancels. A
	// *wire.Error fails the statement that asked and keeps the session, unless it
	// is Fatal; a *LastWords ends it.
	Attach(ctx context.Context, want relay.Settings) (Peer, error)
	// TryAttach is Attach for an event loop: it returns false where Attach might
	// have to wait, dial or send anything.
	TryAttach(want relay.Settings) (Peer, bool)
	// Request is Attach for an event loop, which has no goroutine to wait in: it
	// returns at once, and the waiter is told once, in whatever goroutine, perhaps
	// before that, unless CancelRequest has returned true. It returns false where
	// only Attach will do.
	Request(want relay.Settings, waiter Waiter) bool
	// CancelRequest ends the wait that the last Request began, and reports whether
	// it has; else the waiter has been told or is about to be.
	CancelRequest() bool
	// Release takes a server connection back.
	Release(peer Peer, returned Return)
	// Ask runs sql on a server connection that is idle but for early, which was
	// read already. After an error that is not ErrRefused the connection is of no
	// more use.
	Ask(ctx context.Context, peer Peer, sql string, early []byte) (Answer, error)
	// Park takes the server connection of a session in session mode back that is
	// between transactions, if nothing is on it that Attach cannot make again on
	// another, and reports whether it has. early is as for Ask; so are errors, and
	// without one the Answer says what came meanwhile.
	Park(ctx context.Context, peer Peer, parting relay.Parting, early []byte) (answer Answer, parked bool, err error)
	// Vacate closes idle server connections to these databases.
	Vacate(databases []string)
	// Cancel asks the server to cancel what peer is executing.
	Cancel(ctx context.Context, peer Peer) error
	// Changed is called when statements that may have changed what Postern
	// remembers of the tenant have succeeded, before the client learns of it.
	Changed(ctx context.Context, effects relay.Effects)
	// Explain returns err with what only the session knows, for the client.
	Explain(err *wire.Error) *wire.Error
}

// Waiter is who waits for a server connection; a *LoopConversation is one.
type Waiter interface {
	// Deliver hands over what Attach would have returned. It does not block.
	Deliver(peer Peer, err error)
}

// Peer is a server connection with what comes before anything that is read from
// it: what was read already, and whole messages of the host's own before that.
type Peer struct {
	net.Conn
	Ahead []byte
	// Server is what the relay remembers of the connection while it is lent to
	// one after the other; nil if it is this client's alone to its end.
	Server *relay.Server
	// Lease is the host's own.
	Lease any
}

// Answer is what a server has answered to Ask.
type Answer struct {
	Rows [][]*string // nil for NULL
	// Asides are whole messages that came before the end and are for the client;
	// Behind is what was read behind it, and has not been looked at.
	Asides, Behind []byte
}

// ErrRefused: the server has refused the statement, and can be used on.
var ErrRefused = errors.New("the server has refused the statement")

// Return is how a server connection is given back.
type Return struct {
	// Broken: there are bytes on their way, or it does not work any more; it must
	// be closed. Else the server has answered everything, and all was read.
	Broken bool
	// Status is the last that ReadyForQuery told: 'I', 'T' or 'E'.
	Status byte
	// Discard: the session has left state behind which must go.
	Discard bool
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
