package relay

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

// effectsOf returns what the statements in text may change. It errs on the safe
// side: an effect too many costs a look, and a statement inside a function or
// behind peekLimit is not seen.
func effectsOf(text []byte) Effects {
	var effects Effects
	for l := (lexer{text: text}); ; {
		e, ok := l.statement()
		if !ok {
			return effects
		}
		effects |= e
	}
}

// maxEffective is how many prepared statements with effects are remembered.
const maxEffective = 100

// prepared notes a Parse message: its effects come when the statement is run,
// which may be in another batch, or often.
func (s *Session) prepared(name []byte, effects Effects) {
	if effects == 0 {
		if len(name) == 0 { // one with a name is not replaced
			s.closed(name)
		}
		return
	}
	if len(s.effective) >= maxEffective {
		s.effects |= effects // seen in this batch at least
		return
	}
	if s.effective == nil {
		s.effective = make(map[string]Effects)
	}
	s.effective[string(name)] = effects
}

// closed notes that a prepared statement is to be forgotten.
func (s *Session) closed(name []byte) {
	if len(s.effective) > 0 && !s.pending.skipping {
		delete(s.effective, string(name))
	}
}

// bound notes a Bind message.
func (s *Session) bound(body []byte) {
	if portal := untilZero(body); len(s.effective) > 0 && len(portal) < len(body) {
		s.effects |= s.effective[string(untilZero(body[len(portal)+1:]))]
	}
}
