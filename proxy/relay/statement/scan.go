package statement

import "bytes"

// Scan returns what the statements in text may do. The text ends at its first
// zero byte; without one it is Truncated. Scan keeps nothing of text, and
// allocates nothing unless there are settings or names to report.
//
// A text that ends within a string, a quoted name or a comment is an error to
// PostgreSQL, which then runs none of it.
func Scan(text []byte) Summary {
	length := bytes.IndexByte(text, 0)
	truncated := length < 0
	if !truncated {
		text = text[:length]
	}
	s := scanner{lexer: lexer{text: text}}
	s.scan()
	if s.met != 0 || s.unclosed && !truncated {
		s.Summary = s.reread(truncated)
	}
	s.Truncated = truncated
	return s.Summary
}

// reread returns what all the ways to read a text say of it that are no errors.
func (s *scanner) reread(truncated bool) (result Summary) {
	met := s.met
	valid := false
	for i := range readings {
		if readings[i].differs&^met != 0 {
			continue
		}
		other := scanner{lexer: lexer{text: s.text, reading: readings[i].reading}}
		other.scan()
		met |= other.met
		switch {
		case other.unclosed && !truncated:
		case valid:
			result.join(&other.Summary)
		default:
			valid, result = true, other.Summary
		}
	}
	if !valid {
		result.Statements = 1 // no empty query, but an error
	}
	return result
}

// scanner goes once through a text and writes down what it says. Its methods
// read on from the current token, and never pass over one that they have not
// understood: rest looks at those.
type scanner struct {
	lexer
	Summary
	// updates: the statement at hand has an UPDATE.
	updates bool
	// ahead counts the bytes that were looked at out of turn.
	ahead int
}

func (s *scanner) scan() {
	begins := false
	for s.lexer.next(); s.kind != end; {
		if s.kind == semicolon {
			s.lexer.next() // an empty statement
			continue
		}
		s.Statements++
		s.updates = false
		if s.kind == word {
			begins = s.verb()
		}
		s.rest()
	}
	s.Begin = begins && s.Statements == 1
}

// next moves to the next token of the statement and stays at its end.
func (s *scanner) next() {
	if s.kind > semicolon {
		s.lexer.next()
	}
}

// rest looks at the remaining tokens of the statement.
func (s *scanner) rest() {
	for s.kind > semicolon {
		if s.kind >= word {
			s.look()
		}
		s.lexer.next()
	}
}

// verb notes what a statement's first word says, and reads on as far as it is
// understood. It reports whether a transaction begins.
func (s *scanner) verb() (begins bool) {
	var buffer [longestVerb]byte
	switch string(fold(buffer[:], s.token())) {
	case "begin", "start":
		s.TransactionControl = true
		return true
	case "commit", "end":
		s.TransactionControl = true
		s.Effects |= Commits
	case "rollback", "abort", "savepoint", "release":
		s.TransactionControl = true
	case "set":
		s.set()
	case "reset":
		s.reset()
	case "discard":
		s.discard()
	case "listen":
		s.Changes |= Listen
	case "unlisten":
		s.Ends |= Listen
	case "load":
		s.Changes |= Library
	case "do", "call":
		s.Changes |= Opaque
	case "declare":
		s.declare()
	case "close":
		s.Ends |= HoldCursor
	case "prepare":
		s.prepare()
	case "deallocate":
		s.deallocate()
	case "execute":
		s.next()
		s.prepared()
	case "explain":
		s.explain()
	case "create":
		s.create()
	case "alter":
		s.alter()
	case "drop":
		s.drop()
	case "grant", "revoke", "reassign":
		s.Effects |= Logins
	}
	return false
}

// longestVerb is the length of DEALLOCATE.
const longestVerb = 10

// explain finds what is to be explained, which may be run: EXPLAIN [ANALYZE]
// [VERBOSE] … or EXPLAIN (options) ….
func (s *scanner) explain() {
	s.next()
	if s.isSign('(') { // or a SELECT in brackets
		s.brackets()
	}
	for s.is("analyze") || s.is("analyse") || s.is("verbose") {
		s.next()
	}
	switch {
	case s.is("execute"):
		s.next()
		s.prepared()
	case s.is("create"):
		s.create()
	}
}

// brackets looks at all up to the bracket that closes this one, and moves behind
// it.
func (s *scanner) brackets() {
	for depth := 0; s.kind > semicolon; {
		switch {
		case s.isSign('('):
			depth++
		case s.isSign(')'):
			depth--
		case s.kind >= word:
			s.look()
		}
		if s.next(); depth == 0 {
			return
		}
	}
}

// following returns a copy of the lexer that stands at the statement's next token.
func (l *lexer) following() lexer {
	ahead := *l
	if ahead.kind > semicolon {
		ahead.next()
	}
	return ahead
}
