package sql

import "bytes"

// lexer splits a text into tokens by PostgreSQL's lexical rules (manual,
// "Lexical Structure"; its scan.l): comments, quoted names, strings of all kinds
// and dollar quotes hide what is in them. It stands at one token at a time.
type lexer struct {
	text []byte
	// from and at are where the token begins and where the next one may begin.
	from, at int
	kind     kind
	// unclosed: the text ends within a comment, a string or a quoted name.
	unclosed bool
	// reading is how the text is read, and met says where it could have been
	// read otherwise.
	reading reading
	met     ambiguity
}

type kind uint8

const (
	end         kind = iota
	word             // a key word or a name without quotes
	quotedName       // "…"
	unicodeName      // U&"…"
	constant         // '…', $tag$…$tag$ or U&'…'
	escapes          // E'…' or what continues it on another line
	semicolon        // between statements
	sign             // one byte of anything else: an operator, a bracket
	number           // a number or a parameter
)

// class is what a token that begins with a byte can be.
type class uint8

const (
	otherClass class = iota
	blankClass
	nameClass
	digitClass
	dollarClass
	quoteClass
	doubleQuoteClass
	semicolonClass
	dashClass
	slashClass
)

var classes = func() (classes [256]class) {
	for c := range classes {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c >= 0x80:
			classes[c] = nameClass
		case c >= '0' && c <= '9':
			classes[c] = digitClass
		case c == ' ', c >= '\t' && c <= '\r':
			classes[c] = blankClass
		}
	}
	classes['$'], classes['\''], classes['"'], classes[';'] = dollarClass, quoteClass, doubleQuoteClass, semicolonClass
	classes['-'], classes['/'] = dashClass, slashClass
	return classes
}()

// next moves to the next token, passing over white space and comments.
func (l *lexer) next() {
	for l.at < len(l.text) {
		c := l.text[l.at]
		l.from = l.at
		switch classes[c] {
		case blankClass:
			l.at++
			continue
		case nameClass:
			l.name(c)
		case digitClass:
			l.at++
			l.digits()
		case dollarClass:
			l.dollar()
		case quoteClass:
			l.quote(l.kind == escapes)
		case doubleQuoteClass:
			l.at++
			l.kind = quotedName
			l.quoted('"')
		case semicolonClass:
			l.at++
			l.kind = semicolon
		case dashClass:
			if l.peek(1) == '-' {
				l.lineComment()
				continue
			}
			l.at++
			l.kind = sign
		case slashClass:
			if l.peek(1) == '*' {
				l.blockComment()
				continue
			}
			l.at++
			l.kind = sign
		default:
			l.at++
			l.kind = sign
		}
		return
	}
	l.from = l.at
	l.kind = end
}

// token is the current token's text.
func (l *lexer) token() []byte { return l.text[l.from:l.at] }

// is reports whether the current token is a key word, which is given in lower
// case.
func (l *lexer) is(keyword string) bool {
	return l.kind == word && equalFold(l.text[l.from:l.at], keyword)
}

// isSign reports whether the current token is an operator or bracket of one byte.
func (l *lexer) isSign(c byte) bool { return l.kind == sign && l.text[l.from] == c }

// peek returns the byte i places on, 0 behind the end.
func (l *lexer) peek(i int) byte {
	if l.at+i < len(l.text) {
		return l.text[l.at+i]
	}
	return 0
}

// name passes over a name, or a string whose prefix looks like one. N'…', B'…'
// and X'…' are a name and a string here.
func (l *lexer) name(c byte) {
	switch c {
	case 'e', 'E':
		if l.peek(1) == '\'' {
			l.at++
			l.quote(true)
			return
		}
	case 'u', 'U':
		if l.peek(1) == '&' && (l.peek(2) == '\'' || l.peek(2) == '"') {
			quote := l.peek(2)
			l.at += 3
			l.kind = constant
			if quote == '"' {
				l.kind = unicodeName
			}
			l.quoted(quote)
			return
		}
	}
	l.kind = word
	if l.reading.encoding != narrow {
		l.wideName()
		return
	}
	text, at := l.text, l.at+1
	for at < len(text) && namePart(text[at]) {
		at++
	}
	if text[at-1] >= 0x80 && at < len(text) && text[at] >= '@' {
		l.met |= encodings
	}
	l.at = at
}

func namePart(c byte) bool {
	class := classes[c]
	return class == nameClass || class == digitClass || class == dollarClass
}

func (l *lexer) digits() {
	for l.at < len(l.text) && classes[l.text[l.at]] == digitClass {
		l.at++
	}
	l.kind = number
}

// lineComment passes over a comment that begins with "--".
func (l *lexer) lineComment() {
	for l.at < len(l.text) && l.text[l.at] != '\n' && l.text[l.at] != '\r' {
		l.at++
	}
}

// blockComment passes over a comment that begins with "/*"; they nest.
func (l *lexer) blockComment() {
	l.at += 2
	for depth := 1; depth > 0; l.at++ {
		switch {
		case l.at >= len(l.text):
			l.unclosed = true
			return
		case l.text[l.at] == '/' && l.peek(1) == '*':
			depth++
			l.at++
		case l.text[l.at] == '*' && l.peek(1) == '/':
			depth--
			l.at++
		}
	}
}

// quote passes over a string at its first quote.
func (l *lexer) quote(escaped bool) {
	l.at++
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
		if l.peek(0) != quote {
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

// escaped passes over a string in which a backslash hides the next byte.
func (l *lexer) escaped() {
	for ; l.at < len(l.text); l.at++ {
		switch c := l.text[l.at]; {
		case c == '\'':
			if l.peek(1) != '\'' {
				l.at++
				return
			}
			l.at++
		case c == '\\':
			if l.text[l.at-1] >= 0x80 {
				l.met |= encodings
			}
			l.at++
		case c >= 0x80 && l.reading.wide(c, l.peek(1)):
			l.at++
		}
	}
	l.at = len(l.text) // the last escape may have stepped beyond
	l.unclosed = true
}

// dollar passes over a parameter, a dollar-quoted string or a lone dollar.
func (l *lexer) dollar() {
	l.at++
	if classes[l.peek(0)] == digitClass {
		l.digits()
		return
	}
	l.kind = sign
	begin := l.at
	if c := l.peek(0); classes[c] == nameClass { // the tag has the form of a name without dollars
		for l.at < len(l.text) && l.text[l.at] != '$' && namePart(l.text[l.at]) {
			l.at++
		}
		if l.at < len(l.text) && l.text[l.at-1] >= 0x80 && l.text[l.at] >= '@' {
			l.met |= encodings
		}
		if l.reading.encoding != narrow {
			l.at = begin
			l.wideTag()
		}
	}
	if l.peek(0) != '$' {
		l.at = begin
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
