package relay

import (
	"cmp"
	"sync/atomic"
)

// Config is what the sessions of a proxy that pool have in common.
type Config struct {
	// MaxStatements is how many prepared statements a server connection keeps;
	// with 0, a client keeps the server connection as long as it has one.
	// PgBouncer's max_prepared_statements by name.
	MaxStatements int
	// NoPins lends a server connection on after each transaction whatever state
	// the session has left in it but for settings and prepared statements
	// (pool.pin = false).
	NoPins bool
	// AnswerEmpty answers, for a client without a server connection, the empty query
	// and a BEGIN, which then waits for the transaction's first statement
	// (pool.answer_empty_query).
	AnswerEmpty bool
	// MaxMemory bounds what is remembered of the prepared statements of all clients,
	// in bytes; 0 means 1 GiB. One that is prepared beyond that keeps its client on
	// the server connection.
	MaxMemory int64

	sessions atomic.Uint64 // how many there were
	memory   atomic.Int64  // what is remembered for them, in bytes
	origin   *Config       // whose sessions these are counted with, nil if its own
}

// With returns a copy of other, for sessions that begin from now on and use the
// same server connections and memory.
func (c *Config) With(other *Config) *Config {
	return &Config{
		MaxStatements: other.MaxStatements, NoPins: other.NoPins, AnswerEmpty: other.AnswerEmpty,
		MaxMemory: c.MaxMemory, origin: cmp.Or(c.origin, c),
	}
}

// maxMemory is MaxMemory's default.
const maxMemory = 1 << 30

// room reports whether n bytes more can be remembered.
func (c *Config) room(n int) bool {
	return cmp.Or(c.origin, c).memory.Load()+int64(n) <= cmp.Or(c.MaxMemory, maxMemory)
}

// keep counts n bytes more, or less, that are remembered.
func (p *pooling) keep(n int) {
	p.size += n
	cmp.Or(p.config.origin, p.config).memory.Add(int64(n))
}

// Closed tells that the session is not used any more.
func (s *Session) Closed() {
	if s.pooling != nil {
		s.pooling.keep(-s.pooling.size)
	}
}

// number is one that no other session on these server connections has.
func (c *Config) number() uint64 { return cmp.Or(c.origin, c).sessions.Add(1) }
