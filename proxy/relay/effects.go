package relay

import "postern/proxy/relay/statement"

// Effects are changes outside the session that statements may have made.
type Effects = statement.Effects

// The effects; see package statement.
const (
	Roles   = statement.Roles
	Logins  = statement.Logins
	Commits = statement.Commits
)

// maxEffective is how many prepared statements with effects are remembered in
// session mode.
const maxEffective = 100

// prepared notes a Parse message of session mode: its effects come when the
// statement is run, which may be in another batch, or often.
func (s *Session) prepared(name []byte, summary statement.Summary) {
	if summary.Effects == 0 {
		if len(name) == 0 { // one with a name is not replaced
			s.closed(name)
		}
		return
	}
	if len(s.names) >= maxEffective {
		s.effects |= summary.Effects // seen in this batch at least
		return
	}
	if s.names == nil {
		s.names = make(map[string]*prepared)
	}
	kept := summary // so that only this one is allocated
	s.names[string(name)] = &prepared{summary: &kept}
}

// closed notes that a prepared statement is to be forgotten.
func (s *Session) closed(name []byte) {
	if len(s.names) > 0 && !s.pending.skipping {
		delete(s.names, string(name))
	}
}

// bound notes a Bind message of session mode.
func (s *Session) bound(body []byte) {
	if portal := untilZero(body); len(s.names) > 0 && len(portal) < len(body) {
		if known := s.names[string(untilZero(body[len(portal)+1:]))]; known != nil {
			s.effects |= known.summary.Effects
		}
	}
}
