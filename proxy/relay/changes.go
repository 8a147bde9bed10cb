package relay

import (
	"strings"

	"postern/proxy/relay/statement"
)

// changes is what a transaction may have changed in its session: what to ask the
// server about when it is over. The zero value is nothing.
type changes struct {
	bits  statement.Change // made
	ends  statement.Change // ended
	names []string         // of settings
	// truncated: a text was not seen to its end. It may have done anything, but
	// for setting custom settings behind peekLimit, which nobody does.
	truncated bool
}

// maxNames is how many settings one transaction may name; one that names more has
// changed nobody knows what.
const maxNames = 100

func (c *changes) empty() bool {
	return c.bits == 0 && c.ends == 0 && len(c.names) == 0 && !c.truncated
}

// settings reports whether settings are among them.
func (c *changes) settings() bool {
	const any = statement.UnknownSetting | statement.AllSettings
	return len(c.names) > 0 || c.bits&any != 0 || c.truncated
}

// name adds a setting, and reports whether it was not there.
func (c *changes) name(setting string) bool {
	for _, known := range c.names {
		if strings.EqualFold(known, setting) {
			return false
		}
	}
	if len(c.names) == maxNames {
		c.bits |= statement.UnknownSetting
		return false
	}
	c.names = append(c.names, strings.ToLower(setting))
	return true
}

// apply notes a statement that the server is about to run.
func (s *Session) apply(summary *statement.Summary) {
	s.effects |= summary.Effects
	p := s.pooling
	if p == nil || summary.Ordinary() {
		return
	}
	if summary.DeallocateAll || summary.DiscardAll {
		p.backend.clearing, p.backend.clearedAt, p.backend.clearedIn = true, s.pending.sent, p.batch
	}
	const seen = statement.LocalSetting | statement.Setting | statement.Opaque
	p.backend.changes.bits |= summary.Changes &^ seen
	p.backend.changes.ends |= summary.Ends
	p.backend.changes.truncated = p.backend.changes.truncated || summary.Truncated
	p.backend.tainted = p.backend.tainted || summary.Changes&statement.LocalSetting != 0
	for _, setting := range summary.Settings {
		p.backend.changes.name(setting)
	}
}

// reported notes that the server reports another value of a setting, which may be
// the doing of a function.
func (s *Session) reported(setting []byte) {
	p := s.pooling
	switch string(setting) {
	case "in_hot_standby", "server_version", "integer_datetimes", "server_encoding":
		return
	case "is_superuser", "session_authorization":
		p.backend.changes.bits |= statement.Role
		return
	}
	if p.backend.changes.name(string(setting)) {
		p.backend.changes.bits |= statement.Reset // it may as well have been undone
	}
}
