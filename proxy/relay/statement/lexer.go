package statement

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
	semicolon        // between statements; what is greater is part of one
	sign             // one byte of anything else: an operator, a bracket
	number           // a number or a parameter
	constant         // '…', $tag$…$tag$ or U&'…'
	escapes          // E'…' or what continues it on another line
	word             // a key word or a name without quotes; what follows are names
	quotedName       // "…"
	unicodeName      // U&"…"
)

// class is what a token that begins with a byte can be.
type class uint8

const (
	otherClass class = iota
	blankClass
	nameClass
	prefixClass // a name or E'…', U&'…', U&"…"
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
	for _, c := range []byte("eEuU") {
		classes[c] = prefixClass
	}
	return classes
}()

// next moves to the next token, passing over white space and comments.
func (l *lexer) next() {
	text, at := l.text, l.at
	for at < len(text) {
		c := text[at]
		l.from, l.at = at, at+1
		switch classes[c] {
		case blankClass:
			at++
			continue
		case prefixClass:
			l.prefixed()
		case nameClass:
			l.name()
		case digitClass:
			l.digits()
		case dollarClass:
			l.dollar()
		case quoteClass:
			l.quote(l.kind == escapes)
		case doubleQuoteClass:
			l.kind = quotedName
			l.quoted('"')
		case semicolonClass:
			l.kind = semicolon
		case dashClass:
			if l.peek() == '-' {
				at = l.lineComment()
				continue
			}
			l.kind = sign
		case slashClass:
			if l.peek() == '*' {
				at = l.blockComment()
				continue
			}
			l.kind = sign
		default:
			l.kind = sign
		}
		return
	}
	l.from, l.at = at, at
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

// peek returns the next byte, 0 at the end.
func (l *lexer) peek() byte {
	if l.at < len(l.text) {
		return l.text[l.at]
	}
	return 0
}

// prefixed passes over what begins with an e or a u: a name or a string. N'…',
// B'…' and X'…' are a name and a string here.
func (l *lexer) prefixed() {
	rest := l.text[l.from:]
	switch rest[0] | 0x20 {
	case 'e':
		if len(rest) > 1 && rest[1] == '\'' {
			l.at++
			l.quote(true)
			return
		}
	case 'u':
		if len(rest) > 2 && rest[1] == '&' && (rest[2] == '\'' || rest[2] == '"') {
			l.at += 2
			l.kind = constant
			if rest[2] == '"' {
				l.kind = unicodeName
			}
			l.quoted(rest[2])
			return
		}
	}
	l.name()
}

// name passes over a name from its second byte on.
func (l *lexer) name() {
	l.kind = word
	if l.reading.encoding != narrow {
		l.wideName()
		return
	}
	text, at := l.text, l.at
	for at < len(text) && parts[text[at]] {
		at++
	}
	if text[at-1] >= 0x80 && at < len(text) && text[at] >= '@' {
		l.met |= encodings
	}
	l.at = at
}

// parts are the bytes that a name can go on with.
var parts = func() (parts [256]bool) {
	for c, class := range classes {
		parts[c] = class == nameClass || class == prefixClass || class == digitClass || class == dollarClass
	}
	return parts
}()

// digits passes over the rest of a number. What follows, such as an exponent, is
// a name here.
func (l *lexer) digits() {
	for l.at < len(l.text) && classes[l.text[l.at]] == digitClass {
		l.at++
	}
	l.kind = number
}

// lineComment returns where a comment that begins with "--" ends.
func (l *lexer) lineComment() int {
	at := l.at
	for at < len(l.text) && l.text[at] != '\n' && l.text[at] != '\r' {
		at++
	}
	return at
}

// blockComment returns where a comment that begins with "/*" ends; they nest.
func (l *lexer) blockComment() int {
	text, depth := l.text, 1
	for at := l.at + 1; at+1 < len(text); at++ {
		switch {
		case text[at] == '/' && text[at+1] == '*':
			depth++
			at++
		case text[at] == '*' && text[at+1] == '/':
			at++
			if depth--; depth == 0 {
				return at + 1
			}
		}
	}
	l.unclosed = true
	return len(text)
}
