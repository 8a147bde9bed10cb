package statement

import "bytes"

// quote passes over a string from behind its first quote.
func (l *lexer) quote(escaped bool) {
	l.kind = constant
	if escaped {
		l.kind = escapes
	}
	if escaped || l.reading.backslashes {
		l.escaped()
	} else {
		l.quoted('\'')
	}
}

// quoted passes over a string without escapes, or a quoted name, from behind its
// first quote. A doubled quote is part of it.
func (l *lexer) quoted(quote byte) {
	for {
		n := bytes.IndexByte(l.text[l.at:], quote)
		if n < 0 {
			l.at = len(l.text)
			l.unclosed = true
			return
		}
		if quote == '\'' && oddBackslashes(l.text[l.at:l.at+n]) {
			l.met |= backslashes
		}
		l.at += n + 1
		if l.peek() != quote {
			return
		}
		l.at++
	}
}

// oddBackslashes reports whether a quote behind the text would be escaped where
// backslashes are escapes.
func oddBackslashes(text []byte) bool {
	n := 0
	for n < len(text) && text[len(text)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// escaped passes over a string in which a backslash hides the next byte, from
// behind its first quote.
func (l *lexer) escaped() {
	text := l.text
	for at := l.at; at < len(text); at++ {
		var next byte
		if at+1 < len(text) {
			next = text[at+1]
		}
		switch c := text[at]; {
		case c == '\'':
			if next != '\'' {
				l.at = at + 1
				return
			}
			at++
		case c == '\\':
			if text[at-1] >= 0x80 {
				l.met |= encodings
			}
			at++
		case l.reading.wide(c, next):
			at++
		}
	}
	l.at = len(text)
	l.unclosed = true
}

// dollar passes over a parameter, a dollar-quoted string or a lone dollar, from
// behind the dollar.
func (l *lexer) dollar() {
	switch classes[l.peek()] {
	case digitClass:
		l.digits()
		return
	case nameClass, prefixClass:
		l.tag()
	}
	l.kind = sign
	if l.peek() != '$' {
		l.at = l.from + 1
		return
	}
	l.at++
	l.kind = constant
	tag := l.token()
	n := bytes.Index(l.text[l.at:], tag)
	if n < 0 {
		l.at = len(l.text)
		l.unclosed = true
		return
	}
	l.at += n + len(tag)
}

// tag passes over the name in a dollar quote's tag, which has no dollars.
func (l *lexer) tag() {
	if l.reading.encoding != narrow {
		l.wideTag()
		return
	}
	for c := l.peek(); parts[c] && c != '$'; c = l.peek() {
		l.at++
	}
	if l.text[l.at-1] >= 0x80 && l.peek() >= '@' {
		l.met |= encodings
	}
}
