package relay

// Step is what to do with the bytes that FromClient or FromServer was given:
// forward, then drop, then answer, then pause. Bytes that are neither forwarded
// nor dropped stay with the caller, who shows them again with more behind them,
// or after it has done what Pause asks for.
type Step struct {
	// Forward is how many leading bytes go to the other side.
	Forward int
	// Drop is how many bytes behind those go nowhere.
	Drop int
	// Answer is for the client; nil if there is nothing to say.
	Answer []byte
	// Pause is why the rest has to wait.
	Pause Pause
}

// Pause is why a Step ends before the bytes do.
type Pause uint8

const (
	// None: all is dealt with but an incomplete head, if anything.
	None Pause = iota
	// NeedServer: the next message needs a server connection. Call Attached or
	// Refuse, then show the bytes again.
	NeedServer
	// Changed: the statements just finished may have changed what Postern
	// remembers of the tenant; Session.Effects tells what. Bring it up to date,
	// then show the bytes again: the client learns of success afterwards.
	Changed
	// Goodbye: the client has sent Terminate and no server connection is there
	// to be told.
	Goodbye
)

// peekLimit is how much of one message is looked into, in bytes. A caller's
// buffer must hold more than that.
const peekLimit = 4096

// MinBuffer is the least read buffer, in bytes, that a Session can work with.
const MinBuffer = 2 * peekLimit
