package relay

import "strings"

// Pins are the reasons why a client keeps its server connection between
// transactions: state of its session that can be nowhere else.
type Pins uint16

// The pins, by what has to end for the server connection to become free.
const (
	PinSetting     Pins = 1 << iota // a setting that cannot be told by name
	PinListen                       // LISTEN
	PinTemporary                    // temporary tables and the like
	PinLock                         // session advisory locks
	PinCursor                       // WITH HOLD cursors
	PinPrepared                     // SQL's PREPARE
	PinRole                         // SET ROLE or SET SESSION AUTHORIZATION
	PinLibrary                      // LOAD
	PinOther                        // named connections of dblink, replication origins
	PinStatement                    // a prepared statement too large to be remembered
	PinUnconfirmed                  // the server would not say what there is
)

var pinNames = [...]string{
	"setting", "listen", "temporary", "advisory_lock", "cursor", "prepared", "role", "library", "other", "statement",
	"unconfirmed",
}

// Names returns the reasons, as metrics and SHOW CLIENTS call them.
func (p Pins) Names() []string {
	var names []string
	for i, name := range pinNames {
		if p&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// String returns the names with commas.
func (p Pins) String() string { return strings.Join(p.Names(), ",") }

// Pins returns why the client keeps its server connection.
func (s *Session) Pins() Pins {
	if s.pooling == nil {
		return 0
	}
	pins := s.pooling.pins
	if s.pooling.held > 0 || s.unnamed.known && s.unnamed.large {
		pins |= PinStatement
	}
	return pins
}

// Dirty reports whether the session would leave state behind on its server
// connection that DISCARD ALL must remove.
func (s *Session) Dirty() bool {
	return s.pooling != nil && (s.pooling.pins != 0 || !s.pooling.backend.changes.empty())
}

// Spoiled reports whether it would leave some that DISCARD ALL does not remove.
func (s *Session) Spoiled() bool {
	const spoiled = PinLibrary | PinOther
	return s.parting != nil && s.parting.pins&spoiled != 0 || s.pooling != nil && s.pooling.pins&spoiled != 0
}
