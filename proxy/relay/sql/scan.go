package sql

import "bytes"

// Scan returns what the statements in text may do. The text ends at its first
// zero byte; if it has none, the Summary is Truncated. Scan keeps nothing of text,
// and allocates nothing for an ordinary statement.
func Scan(text []byte) Summary {
	n := bytes.IndexByte(text, 0)
	truncated := n < 0
	if !truncated {
		text = text[:n]
	}
	var s Summary
	if met := s.read(text, reading{}); met != 0 {
		for _, r := range readings[1:] {
			if met&r.differs == r.differs {
				var other Summary
				other.read(text, r.reading)
				s.join(&other)
			}
		}
	}
	s.Truncated = truncated
	return s
}

// read adds what the text says in one reading.
func (s *Summary) read(text []byte, r reading) ambiguity {
	l := lexer{text: text, reading: r}
	for l.next(); l.kind != end; {
		if l.kind == semicolon {
			l.next()
			continue
		}
		s.Statements++
		s.statement(&l)
	}
	s.Begin = s.Begin && s.Statements == 1
	return l.met
}

// statement reads one statement, up to its semicolon or the end.
func (s *Summary) statement(l *lexer) {
	first := firstWord(l)
	before := s.Changes
	switch first {
	case "set":
		s.set(l)
	case "reset":
		s.reset(l)
	case "discard":
		s.discard(l)
	case "listen":
		s.Changes |= Listen
	case "unlisten":
		s.Ends |= Listen
	case "prepare":
		if l.is("transaction") {
			s.TransactionControl = true
			s.Effects |= Commits
			break
		}
		s.Changes |= Prepared
		before = s.Changes
	case "deallocate":
		s.deallocate(l)
	case "execute":
		s.prepared(l)
	case "load":
		s.Changes |= Library
	case "close":
		s.Ends |= HoldCursor
	case "do", "call":
		s.Changes |= Opaque
	case "create", "alter", "drop":
		s.define(l, first)
	case "grant", "revoke", "reassign":
		s.Effects |= Logins
	case "begin", "start":
		s.Begin, s.TransactionControl = true, true
	case "commit", "end":
		s.Effects |= Commits
		s.TransactionControl = true
	case "rollback", "abort", "savepoint", "release":
		s.TransactionControl = true
	}
	s.rest(l, first)
	if first == "prepare" && s.Changes&^before != 0 {
		s.Changes |= Other // it will change that each time it is executed
	}
}

// firstWords are the words that a statement can begin with and that matter here.
var firstWords = [...]string{
	"select", "begin", "commit", "set", "end", "rollback", "reset", "discard", "listen", "unlisten", "prepare",
	"deallocate", "execute", "load", "declare", "close", "do", "call", "create", "alter", "drop", "grant", "revoke",
	"reassign", "start", "abort", "savepoint", "release", "explain",
}

// firstWord moves behind a statement's first word and returns it in lower case; it
// is "" and stays if the word does not matter.
func firstWord(l *lexer) string {
	if l.kind != word {
		return ""
	}
	for _, w := range firstWords {
		if len(w) == l.at-l.from && l.text[l.from]|0x20 == w[0] && l.is(w) {
			l.next()
			return w
		}
	}
	return ""
}

// rest reads the rest of a statement, for what can stand anywhere in one.
func (s *Summary) rest(l *lexer, first string) {
	for with := false; l.kind != semicolon && l.kind != end; l.next() {
		if l.kind != word && l.kind != quotedName {
			with = false
			continue
		}
		switch first {
		case "declare":
			if with && l.is("hold") {
				s.Changes |= HoldCursor
			}
			with = l.is("with")
		case "select":
			if l.is("into") {
				s.Changes |= Temporary
			}
		case "explain", "create":
			if l.is("execute") {
				ahead := *l
				ahead.next()
				s.prepared(&ahead)
			}
		}
		s.function(l)
	}
}
