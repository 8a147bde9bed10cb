package statement

import (
	"slices"
	"strings"
)

// Summary is what the statements of a text may do. The zero value is that of an
// empty query.
type Summary struct {
	// Changes is the state of the session that the statements may have made or
	// changed.
	Changes Change
	// Ends is the state that they may have ended but not made: it is worth a
	// question only where the session is known to have such state.
	Ends Change
	// Effects is what they may change outside the session.
	Effects Effects

	// Statements counts the statements; 0 is an empty query. A function's body
	// in standard SQL (BEGIN ATOMIC) counts as several.
	Statements int
	// TransactionControl: there is a BEGIN, START, COMMIT, END, ROLLBACK, ABORT,
	// SAVEPOINT, RELEASE or PREPARE TRANSACTION.
	TransactionControl bool
	// Begin: the text is a single BEGIN or START TRANSACTION and nothing else.
	Begin bool
	// DeallocateAll: there is a DEALLOCATE ALL.
	DeallocateAll bool
	// DiscardAll: there is a DISCARD ALL.
	DiscardAll bool
	// Truncated: the end of the text was not seen, so the worst is to be assumed.
	Truncated bool

	// Settings names the settings that are behind the bit Setting, once each and
	// in lower case, since PostgreSQL finds them in any case. The names are
	// written in the client's encoding and may be of settings that do not exist.
	Settings []string
	// Names are the prepared statements that DEALLOCATE and EXECUTE name, in the
	// order of the text. What such a statement may do itself was said of the
	// text that prepared it.
	Names []Name
	// Databases names the databases that nobody may be connected to when the
	// text runs: dropped, renamed, moved or copied.
	Databases []string
}

// Name is where a text names a prepared statement.
type Name struct {
	// Offset and Length, in bytes, are where the name stands in the text that
	// was scanned, with its quotes.
	Offset, Length int
	// Name is the name as PostgreSQL knows it: unquoted or in lower case.
	Name string
}

// Change is a set of kinds of session state.
type Change uint16

const (
	// Setting: the settings named in Settings; ask current_setting.
	Setting Change = 1 << iota
	// UnknownSetting: settings that the text does not name by a constant; ask
	// pg_settings, which does not show custom ones.
	UnknownSetting
	// AllSettings: RESET ALL or DISCARD ALL.
	AllSettings
	// Listen: LISTEN; ask pg_listening_channels.
	Listen
	// Temporary: objects in the temporary schema; ask for pg_my_temp_schema in
	// the catalogs. Every CREATE and SELECT INTO may make some, since
	// search_path may begin with pg_temp.
	Temporary
	// AdvisoryLock: advisory locks held by the session; ask pg_locks.
	AdvisoryLock
	// HoldCursor: cursors WITH HOLD; ask pg_cursors.
	HoldCursor
	// Prepared: statements prepared by PREPARE; ask pg_prepared_statements.
	Prepared
	// Role: SET ROLE, SET SESSION AUTHORIZATION; ask current_setting('role') and
	// session_user.
	Role
	// Library: LOAD, which cannot be undone.
	Library
	// Opaque: DO or CALL ran code that cannot be seen. Information only.
	Opaque
	// Other: state that no question shows: dblink's connections, a replication
	// origin, a temporary replication slot, a base backup, a statement prepared
	// by PREPARE that changes state itself when it is executed.
	Other
	// LocalSetting: SET LOCAL, or set_config with is_local: settings of the
	// transaction, on which the analysis of what is prepared in it depends.
	LocalSetting
	// Reset: RESET of a setting, SET to DEFAULT, or set_config with what may be
	// NULL: its value may not be the session's own any more.
	Reset
)

// ended is what DISCARD ALL ends.
const ended = Listen | Temporary | AdvisoryLock | HoldCursor | Prepared | Role

var changeNames = [...]string{"setting", "unknown setting", "all settings", "listen", "temporary",
	"advisory lock", "hold cursor", "prepared", "role", "library", "opaque", "other", "local setting", "reset"}

// String names the kinds, separated by "|".
func (c Change) String() string {
	var kinds []string
	for i, name := range changeNames {
		if c&(1<<i) != 0 {
			kinds = append(kinds, name)
		}
	}
	return strings.Join(kinds, "|")
}

// Effects are changes outside the session that statements may have made.
type Effects uint8

const (
	// Roles: a role was made, changed or dropped; pg_authid must be read again.
	Roles Effects = 1 << iota
	// Logins: what a login is answered may have changed; greetings must be
	// forgotten.
	Logins
	// Commits: a transaction's end was asked for.
	Commits
)

// maxSettings is how many settings are named before they are called unknown.
const maxSettings = 100

// setting notes a setting by its name in lower case. Some are no state of the
// session, others are state of another kind.
func (s *Summary) setting(name string) {
	switch name {
	case "transaction_isolation", "transaction_read_only", "transaction_deferrable", "seed":
		return
	case "role", "session_authorization":
		s.Changes |= Role
		return
	}
	switch s.Changes |= Setting; {
	case slices.Contains(s.Settings, name):
	case len(s.Settings) == maxSettings:
		s.Changes |= UnknownSetting
	default:
		s.Settings = append(s.Settings, name)
	}
}

// join adds what another reading of the same text says. A name is kept only
// where both see it: what is a string in the other must not be touched.
func (s *Summary) join(other *Summary) {
	s.Changes |= other.Changes
	s.Ends |= other.Ends
	s.Effects |= other.Effects
	s.Statements = max(s.Statements, other.Statements)
	s.TransactionControl = s.TransactionControl || other.TransactionControl
	s.Begin = s.Begin && other.Begin
	s.DeallocateAll = s.DeallocateAll || other.DeallocateAll
	s.DiscardAll = s.DiscardAll || other.DiscardAll
	for _, name := range other.Settings {
		s.setting(name)
	}
	s.Names = slices.DeleteFunc(s.Names, func(n Name) bool { return !slices.Contains(other.Names, n) })
	for _, name := range other.Databases {
		if !slices.Contains(s.Databases, name) {
			s.Databases = append(s.Databases, name)
		}
	}
}
