package relay

import "slices"

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
	lexer := lexer{text: text}
	for {
		first, second := lexer.statement()
		if first == "" {
			return effects
		}
		effects |= effectsOfStatement(first, second)
	}
}

func effectsOfStatement(first, second string) Effects {
	switch first {
	case "COMMIT", "END":
		return Commits
	case "PREPARE":
		if second == "TRANSACTION" {
			return Commits
		}
	case "GRANT", "REVOKE", "REASSIGN":
		return Logins
	case "CREATE", "ALTER", "DROP":
		switch {
		case slices.Contains([]string{"ROLE", "USER", "GROUP"}, second):
			return Roles | Logins
		case second == "DATABASE" || second == "SYSTEM":
			return Logins
		}
	}
	return 0
}
