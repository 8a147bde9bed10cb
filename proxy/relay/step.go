package relay

// Step is what to do with the bytes that FromClient or FromServer was given:
// forward, then drop and replace, then answer, then pause. Bytes that are neither
// forwarded nor dropped stay with the caller, who shows them again with more
// behind them, or after it has done what Pause asks for.
type Step struct {
	// Forward is how many leading bytes go to the other side.
	Forward int
	// Drop is how many bytes behind those go nowhere.
	Drop int
	// Send goes to the other side in their place; nil if nothing does. It is
	// valid until the Session is used again.
	Send []byte
	// Answer is for the client; nil if there is nothing to say. Only FromClient
	// answers.
	Answer []byte
	// Pause is why the rest has to wait.
	Pause Pause
}

// Moved reports whether there is more to be had by showing the rest again at once.
func (s Step) Moved() bool { return s.Forward+s.Drop+len(s.Send) > 0 }

// Pause is why a Step ends before the bytes do.
type Pause uint8

const (
	// None: all is dealt with but an incomplete head, if anything.
	None Pause = iota
	// NeedServer: the client's next message needs a server connection. Call
	// Attached or Refuse, then show the bytes again.
	NeedServer
	// Wait: what the client's next message means depends on what the server has
	// still to say. Show the bytes again after the next FromServer or Settled.
	Wait
	// Vacate: the client's next message needs that nobody is connected to some
	// databases, which Session.Databases names. Close what is idle, call Vacated,
	// then show the bytes again.
	Vacate
	// Changed: the statements just finished may have changed what Postern
	// remembers of the tenant; Session.Effects tells what. Bring it up to date,
	// then show the server's bytes again: the client learns of success afterwards.
	Changed
	// Settle: the transaction is over, and only the server knows in which state it
	// has left the session. Everything that the server has to say was shown but
	// the ReadyForQuery that the bytes begin with and perhaps notices behind it.
	// Ask the server Session.Question on its connection, call Settled or
	// Unsettled, pass on what came besides, then show the ReadyForQuery again with
	// what has come behind it. Meanwhile FromClient answers Wait.
	Settle
	// Free: all of the server's bytes are dealt with and the session does not need
	// the server connection any more; it counts as given back already. Forward,
	// then lend it to somebody else.
	Free
	// Goodbye: the client has sent Terminate, and there is no server connection
	// that must be told.
	Goodbye
)

// peekLimit is how much of one message is looked into, in bytes. A caller's
// buffer must hold more than that.
const peekLimit = 16 << 10

// MinBuffer is the least read buffer, in bytes, that a Session can work with.
const MinBuffer = 2 * peekLimit
