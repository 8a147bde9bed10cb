package statement

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// longestName is one more than the bytes of the longest name in PostgreSQL.
const longestName = 64

// identifier returns the name at the current token as PostgreSQL knows it, but
// not cut if it is too long, and moves to the token it ends with. It reports false
// where there is no name or none that is understood.
func (l *lexer) identifier() (string, bool) {
	token := l.token()
	switch l.kind {
	case word:
		return string(lower(bytes.Clone(token))), true
	case quotedName:
		return string(bytes.ReplaceAll(inner(token, 1), []byte(`""`), []byte(`"`))), true
	case unicodeName:
		escape, ok := l.uescape()
		if !ok {
			return "", false
		}
		return decode(bytes.ReplaceAll(inner(token, len(`U&"`)), []byte(`""`), []byte(`"`)), escape)
	}
	return "", false
}

// uescape returns the escape character of U&"…", and moves to the constant that
// names it if there is one.
func (l *lexer) uescape() (escape byte, ok bool) {
	ahead := l.following()
	if !ahead.is("uescape") {
		return '\\', true
	}
	ahead.next()
	text, ok := ahead.literal()
	*l = ahead
	if !ok || len(text) != 1 {
		return 0, false
	}
	return text[0], true
}

// decode resolves the escapes in U&"…".
func decode(text []byte, escape byte) (string, bool) {
	var name []byte
	var high rune // the first half of a surrogate pair
	for len(text) > 0 {
		var c rune
		switch digits := text[1:]; {
		case text[0] != escape:
			name, text = append(name, text[0]), digits
			continue
		case len(digits) > 0 && digits[0] == escape:
			name, text = append(name, escape), digits[1:]
			continue
		case len(digits) > 6 && digits[0] == '+':
			c, text = hexadecimal(digits[1:7]), digits[7:]
		case len(digits) > 3:
			c, text = hexadecimal(digits[:4]), digits[4:]
		default:
			return "", false
		}
		switch {
		case c < 0:
			return "", false
		case high != 0:
			c, high = utf16.DecodeRune(high, c), 0
		case utf16.IsSurrogate(c):
			high = c
			continue
		}
		name = utf8.AppendRune(name, c)
	}
	return string(name), high == 0
}

// hexadecimal returns the number that digits stand for, -1 if they are none.
func hexadecimal(digits []byte) (n rune) {
	for _, c := range digits {
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			n = n<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return n
}

// literal returns what the current token is a constant string of. It reports
// false for what it does not decode: strings with backslashes, which nobody needs
// to name a setting or a database, and those continued on another line.
func (l *lexer) literal() (string, bool) {
	if l.kind != constant && l.kind != escapes || l.unclosed {
		return "", false
	}
	ahead := l.following()
	if ahead.kind == constant || ahead.kind == escapes || ahead.is("uescape") {
		return "", false
	}
	token := l.token()
	if token[0] == '$' {
		return string(inner(token, bytes.IndexByte(token[1:], '$')+2)), true
	}
	if bytes.IndexByte(token, '\\') >= 0 {
		return "", false
	}
	text := token[bytes.IndexByte(token, '\'')+1 : len(token)-1]
	return string(bytes.ReplaceAll(text, []byte("''"), []byte("'"))), true
}

// inner takes a token's quotes off. That at the beginning is longer for U&"…".
func inner(token []byte, quote int) []byte {
	closing := 1
	if token[0] == '$' {
		closing = quote
	}
	if len(token) < quote+closing {
		return nil // its end is missing
	}
	return token[quote : len(token)-closing]
}

// fold writes a name in lower case, as PostgreSQL does, into a buffer. It returns
// nothing if there is not enough room.
func fold(buffer, name []byte) []byte {
	if len(name) > len(buffer) {
		return nil
	}
	return lower(buffer[:copy(buffer, name)])
}

// lower changes a name to lower case in place. Bytes from 0x80 stay as they are.
func lower(name []byte) []byte {
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			name[i] = c - 'A' + 'a'
		}
	}
	return name
}

// equalFold reports whether a name is that one, which is given in lower case.
func equalFold(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
