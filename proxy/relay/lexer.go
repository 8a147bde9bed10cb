package relay

import "bytes"

// lexer splits the text of a Query or Parse message into statements, by
// PostgreSQL's lexical rules (manual, "Lexical Structure"): comments, quoted
// names, the three kinds of strings and dollar quotes hide what is in them. The
// text ends at a zero byte or where the buffer ends.
type lexer struct {
	text []byte
	at   int
}

type token uint8

const (
	end       token = iota
	name            // a key word or a name without quotes
	semicolon       // between statements
	other           // anything else: strings, numbers, operators, quoted names
)

// next returns the next token, passing over white space and comments.
func (l *lexer) next() (token, []byte) {
	l.space()
	if l.at >= len(l.text) || l.text[l.at] == 0 {
		return end, nil
	}
	from := l.at
	switch c := l.text[l.at]; {
	case c == ';':
		l.at++
		return semicolon, nil
	case c == '\'':
		l.quoted('\'', false)
	case c == '"':
		l.quoted('"', false)
	case (c == 'e' || c == 'E') && l.peek(1) == '\'':
		l.at++
		l.quoted('\'', true)
	case c == '$' && l.dollarQuoted():
	case nameStart(c):
		for l.at < len(l.text) && namePart(l.text[l.at]) {
			l.at++
		}
		return name, l.text[from:l.at]
	case c >= '0' && c <= '9':
		for l.at < len(l.text) && namePart(l.text[l.at]) && l.text[l.at] != '$' {
			l.at++
		}
	default:
		l.at++
	}
	return other, l.text[from:l.at]
}

// space passes over white space and comments; block comments nest.
func (l *lexer) space() {
	for depth := 0; l.at < len(l.text); {
		c := l.text[l.at]
		switch {
		case c == '/' && l.peek(1) == '*':
			depth++
			l.at += 2
		case depth > 0:
			if c == '*' && l.peek(1) == '/' {
				depth--
				l.at++
			}
			l.at++
		case c == '-' && l.peek(1) == '-':
			line := bytes.IndexAny(l.text[l.at:], "\r\n")
			if line < 0 {
				line = len(l.text) - l.at
			}
			l.at += line
		case c == ' ' || c >= '\t' && c <= '\r':
			l.at++
		default:
			return
		}
	}
}

// quoted passes over a string or a quoted name; a doubled quote is part of it,
// and in E'…' a backslash hides the next byte.
func (l *lexer) quoted(quote byte, escapes bool) {
	for l.at++; l.at < len(l.text); l.at++ {
		switch c := l.text[l.at]; {
		case c == quote && l.peek(1) == quote:
			l.at++
		case c == quote:
			l.at++
			return
		case c == '\\' && escapes:
			l.at++
		}
	}
	l.at = len(l.text) // the last escape may have stepped beyond
}

// dollarQuoted passes over $tag$…$tag$ and reports whether there was one.
func (l *lexer) dollarQuoted() bool {
	close := l.at + 1
	for close < len(l.text) && l.text[close] != '$' {
		c := l.text[close]
		if !nameStart(c) && !(close > l.at+1 && c >= '0' && c <= '9') {
			return false
		}
		close++
	}
	if close >= len(l.text) {
		return false
	}
	tag := l.text[l.at : close+1]
	body := l.text[close+1:]
	if length := bytes.Index(body, tag); length >= 0 {
		l.at = close + 1 + length + len(tag)
	} else {
		l.at = len(l.text)
	}
	return true
}

// peek returns the byte i places on, 0 behind the end.
func (l *lexer) peek(i int) byte {
	if l.at+i < len(l.text) {
		return l.text[l.at+i]
	}
	return 0
}

func nameStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

func namePart(c byte) bool {
	return nameStart(c) || c >= '0' && c <= '9' || c == '$'
}
