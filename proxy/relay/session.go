package relay

import (
	"encoding/binary"

	"postern/proxy/relay/statement"
	"postern/proxy/wire"
)

// Session follows one client's conversation after its login. The zero value is a
// client in session mode, without a server connection, that is ready for a query.
//
// A caller uses it from one goroutine at a time.
type Session struct {
	client stream
	server stream

	attached bool
	status   byte // of the last ReadyForQuery; 0 before the first
	pending  pending

	refusal  *wire.Error // the answer to the next message that needs a server
	skipping bool        // a refused batch is dropped up to its Sync

	terminated bool // Terminate was forwarded

	effects   Effects // of statements sent and not yet seen to be over
	announced bool    // the ReadyForQuery that comes has been a reason for Changed
	fatal     bool    // the server has sent its last word

	counter    *Counter // nil counts nothing
	worked     bool     // something was counted since the session was idle
	unexecuted bool     // a Bind has succeeded, and nothing was executed since

	// names are the client's prepared statements; in session mode, those that
	// change something when they are run.
	names   map[string]*prepared
	unnamed unnamed

	pooling *pooling // nil in session mode
	parting *parting // nil unless it borrows in session mode
}

// pooling is what a session has besides in transaction mode. What goes on while it
// has a server connection is in the Server's lending.
type pooling struct {
	config  *Config
	backend *Server // while attached

	own      Settings // at login
	settings Settings // as the client has set them since
	pins     Pins
	// beginning is what the client's transaction is to begin with, while it has no
	// server connection.
	beginning beginning
	batch     uint64 // counts what ReadyForQuery answers
	size      int    // of what is remembered of the client's statements, in bytes
	held      int    // of names: those that can live on backend alone
}

// lending is what a session does on a server connection, as long as it has that.
type lending struct {
	changes  changes // that the transaction may have made
	settling bool    // the server is being asked about changes
	opening  bool    // it is being sent a BEGIN that has its answer already
	used     bool    // a transaction has ended since the server connection came

	// dropping: a Query or a Close of the unnamed statement is under way, the last of
	// them in the batch droppedIn.
	dropping  bool
	droppedIn uint64
	mending   int    // how often we have sent for another unnamed statement, unconfirmed
	mendedIn  uint64 // the batch of the last of those
	// clearing: the client has asked to drop all its statements, behind the message
	// of the number clearedAt, and the server has not answered everything since.
	clearing  bool
	clearedAt uint64
	clearedIn uint64 // which batch that was in

	deallocations []deallocation // those that were bound and not executed
	gone          deallocation   // the last that was
	databases     []string       // that are to be vacated before the client's next message
	vacated       bool           // they are
	tainted       bool           // what is prepared now depends on settings of the transaction
	loose         []*prepared
	capture       capture
}

// Pool puts a fresh Session into transaction mode. own are the settings that the
// client asked for at login and that its server connections do not have from
// their own. All sessions that share server connections have the same config.
func (s *Session) Pool(config *Config, own Settings) {
	s.pooling = &pooling{config: config, own: own, settings: own}
	s.unnamed.owner = config.number() << 32
}

// Pooled reports whether the session is in transaction mode.
func (s *Session) Pooled() bool { return s.pooling != nil }

// stream is where one direction is within a message.
type stream struct {
	left int  // bytes of the current message that are still to come
	drop bool // and whether they go nowhere
}

// take returns how many of the n bytes belong to the current message.
func (s *stream) take(n int) int {
	n = min(n, s.left)
	s.left -= n
	return n
}

// Attached tells that the client has a server connection now, which is idle.
// server is nil in session mode; else it must be used by nobody else as long as
// the client has the connection.
func (s *Session) Attached(server *Server) {
	s.attached, s.status = true, 'I'
	s.server = stream{}
	if s.pooling != nil {
		s.pooling.backend = server
		server.lending = lending{}
		server.operations.cut(0, server.operations.len())
	}
}

// Detached tells that the server connection goes back although the relay has not
// said that it is free; the session is at its end, or idle in session mode.
func (s *Session) Detached() {
	s.attached = false
	if s.pooling != nil {
		s.pooling.backend = nil
	}
}

// Refuse makes the message that asked for a server be answered with err instead,
// as PostgreSQL answers a failed statement: the rest of its batch is skipped up
// to Sync, and the session goes on.
func (s *Session) Refuse(err *wire.Error) { s.refusal = err }

// Idle reports whether the conversation is between transactions: nothing is
// outstanding, no message is half through, in either direction.
func (s *Session) Idle() bool {
	return s.client.left == 0 && s.server.left == 0 && !s.skipping && !s.Settling() && s.outside() == 'I' &&
		(!s.attached || s.status == 'I' && s.pending.empty())
}

// Settling reports whether the answer to a Settle is awaited.
func (s *Session) Settling() bool {
	return s.pooling != nil && s.attached && s.pooling.backend.settling
}

// HasServer reports whether the client has a server connection.
func (s *Session) HasServer() bool { return s.attached }

// Waiting reports whether the server owes the client an answer.
func (s *Session) Waiting() bool { return !s.pending.empty() }

// Owed reports whether the server is about to say ReadyForQuery without being sent
// anything more.
func (s *Session) Owed() bool { return s.pending.units.len() > 0 && !s.pending.copying }

// Boundary reports whether the client has received whole messages only, so that
// one more may be put behind them.
func (s *Session) Boundary() bool { return s.server.left == 0 }

// Torn reports whether the server has part of a message.
func (s *Session) Torn() bool { return s.client.left > 0 && !s.client.drop }

// Status is what the last ReadyForQuery said of the transaction.
func (s *Session) Status() byte { return s.status }

// Fatal reports whether the server has said why it ends the connection.
func (s *Session) Fatal() bool { return s.fatal }

// Terminated reports whether the client has said goodbye and the server knows.
func (s *Session) Terminated() bool { return s.terminated }

// CommitSent reports whether the fate of a transaction is in doubt if the server
// is lost now: its COMMIT was sent and has not been answered.
func (s *Session) CommitSent() bool { return s.effects&Commits != 0 && s.Waiting() }

// Effects returns what the statements just finished may have changed.
func (s *Session) Effects() Effects { return s.effects }

// Settings returns what a server connection must have in effect for this client.
func (s *Session) Settings() Settings {
	if s.pooling == nil {
		return Settings{}
	}
	return s.pooling.settings
}

// Databases returns what a Vacate is about.
func (s *Session) Databases() []string { return s.pooling.backend.databases }

// Vacated tells that a Vacate is done.
func (s *Session) Vacated() { s.pooling.backend.vacated = true }

// mustVacate reports whether a Vacate has to come before the statement is run.
func (s *Session) mustVacate(summary *statement.Summary) bool {
	p := s.pooling
	if len(summary.Databases) == 0 || p.backend.vacated {
		p.backend.vacated = false
		return false
	}
	p.backend.databases = summary.Databases
	return true
}

// Abandon returns what to send so that the server comes to an end of what it was
// sent, after which the client has nothing more to say. In session mode that is
// nothing: what the client has not sent to its end has to fail.
func (s *Session) Abandon() []byte {
	if s.pooling == nil {
		return nil
	}
	var b []byte
	if s.pending.copying {
		const reason = "the client is gone\x00"
		b = append(append(b, wire.MsgCopyFail, 0, 0, 0, 4+byte(len(reason))), reason...)
		s.pending.sentCopyEnd()
	}
	if s.pending.unsynced && !s.pending.skipping && len(b) == 0 {
		// The Sync would commit what the client might have gone on with. PostgreSQL rolls
		// it back: so it has to fail.
		b = binary.BigEndian.AppendUint32(append(b, wire.MsgExecute), uint32(4+len(absentName)+1+4))
		b = append(append(b, absentName...), 0, 0, 0, 0, 0)
		s.pending.sentExtended()
	}
	if s.pending.unsynced || s.pending.skipping || s.pending.doubt {
		b = append(b, wire.MsgSync, 0, 0, 0, 4)
		s.pending.sentSync()
	}
	return b
}
