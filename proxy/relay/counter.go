package relay

import (
	"sync/atomic"

	"postern/proxy/wire"
)

// Counter counts what clients do; those of one tenant share one. All of it may be
// read at any time. Times are in nanoseconds, and are added when they are over.
type Counter struct {
	// Queries are Query, FunctionCall and Execute messages that the server has
	// answered, with an error or without. (Which message of a batch an error
	// answers cannot be seen: it is taken for an Execute's if a Bind has succeeded
	// and nothing was executed since.)
	Queries atomic.Int64
	// Transactions are returns to the idle state after at least one of those.
	Transactions atomic.Int64
	// Parses and Binds are the clients' messages of that kind that went to a server,
	// ServerParses those Parses that were sent for them besides.
	Parses, Binds, ServerParses atomic.Int64
	// BytesIn and BytesOut are protocol bytes since the login, from clients and to
	// them, headers included, after decryption.
	BytesIn, BytesOut atomic.Int64
	// Assignments counts server connections lent.
	Assignments atomic.Int64
	// Logins counts clients that were greeted.
	Logins atomic.Int64
	// TransactionTime and QueryTime are spent in transactions and by queries,
	// WaitTime by clients waiting for a server connection.
	TransactionTime, QueryTime, WaitTime atomic.Int64
	// Pinned is how many clients keep a server connection now, by the reason; in the
	// order of Pins.
	Pinned [len(pinNames)]atomic.Int64
}

// Repin notes that a client's pins have become others.
func (c *Counter) Repin(from, to Pins) {
	for i := range c.Pinned {
		switch bit := Pins(1 << i); {
		case from&bit == to&bit:
		case to&bit != 0:
			c.Pinned[i].Add(1)
		default:
			c.Pinned[i].Add(-1)
		}
	}
}

// Count has c count what the session does.
func (s *Session) Count(c *Counter) { s.counter = c }

// Counter returns what counts the session, nil if nothing does.
func (s *Session) Counter() *Counter { return s.counter }

// answered counts a Query, FunctionCall or Execute that the server has answered.
func (s *Session) answered() {
	s.worked, s.unexecuted = true, false
	if s.counter != nil {
		s.counter.Queries.Add(1)
	}
}

// countExtended counts a message of the client's that goes to the server.
func (s *Session) countExtended(kind byte) {
	switch {
	case s.counter == nil:
	case kind == wire.MsgParse:
		s.counter.Parses.Add(1)
	case kind == wire.MsgBind:
		s.counter.Binds.Add(1)
	}
}

// countTransaction is for the return to the idle state.
func (s *Session) countTransaction() {
	if s.worked && s.counter != nil {
		s.counter.Transactions.Add(1)
	}
	s.worked = false
}
