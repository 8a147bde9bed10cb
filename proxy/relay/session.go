package relay

import "postern/proxy/wire"

// Session follows one client's conversation after its login. The zero value is a
// client without a server connection that is ready for a query.
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

	effects Effects // of statements sent and not yet seen to be over
	// effective are the prepared statements that have effects when they are run.
	effective map[string]Effects
	announced bool // the ReadyForQuery that comes has been a reason for Changed
	fatal     bool // the server has sent its last word
}

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
func (s *Session) Attached() {
	s.attached, s.status = true, 'I'
	s.server = stream{}
}

// Refuse makes the message that asked for a server be answered with err instead,
// as PostgreSQL answers a failed statement: the rest of its batch is skipped up
// to Sync, and the session goes on.
func (s *Session) Refuse(err *wire.Error) { s.refusal = err }

// Idle reports whether the conversation is between transactions: nothing is
// outstanding, no message is half through, in either direction.
func (s *Session) Idle() bool {
	return s.client.left == 0 && s.server.left == 0 && !s.skipping &&
		(!s.attached || s.status == 'I' && s.pending.empty())
}

// Waiting reports whether the server owes the client an answer.
func (s *Session) Waiting() bool { return !s.pending.empty() }

// Boundary reports whether the client has received whole messages only, so that
// one more may be put behind them.
func (s *Session) Boundary() bool { return s.server.left == 0 }

// Fatal reports whether the server has said why it ends the connection.
func (s *Session) Fatal() bool { return s.fatal }

// Terminated reports whether the client has said goodbye and the server knows.
func (s *Session) Terminated() bool { return s.terminated }

// CommitSent reports whether the fate of a transaction is in doubt if the server
// is lost now: its COMMIT was sent and has not been answered.
func (s *Session) CommitSent() bool { return s.effects&Commits != 0 && s.Waiting() }

// Effects returns what the statements just finished may have changed.
func (s *Session) Effects() Effects { return s.effects }
