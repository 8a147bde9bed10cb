package statement

// reading is a way to read a text. Two things that a text does not tell decide
// where some of its strings end: the setting standard_conforming_strings and the
// client's encoding.
type reading struct {
	// backslashes are escapes in '…' too: standard_conforming_strings is off.
	backslashes bool
	encoding    encoding
}

// ambiguity is a set of reasons to read a text in other ways as well.
type ambiguity uint8

const (
	backslashes ambiguity = 1 << iota // a quote would be escaped
	encodings                         // a byte may be the second half of a character
)

type encoding uint8

const (
	// narrow: UTF-8 and all encodings in which no byte below 0x80 is part of a
	// longer character.
	narrow encoding = iota
	// doubleByte: GBK, GB18030, BIG5, UHC, JOHAB.
	doubleByte
	// shiftJIS: SJIS, SHIFT_JIS_2004, which have characters of one byte from
	// 0xA0 to 0xDF.
	shiftJIS
)

// readings are all ways to read a text, and what must have been met for each to
// differ from the first.
var readings = [...]struct {
	reading
	differs ambiguity
}{
	{reading{false, narrow}, 0},
	{reading{true, narrow}, backslashes},
	{reading{false, doubleByte}, encodings},
	{reading{false, shiftJIS}, encodings},
	{reading{true, doubleByte}, backslashes | encodings},
	{reading{true, shiftJIS}, backslashes | encodings},
}

// wide reports whether a byte and the next one are one character.
func (r reading) wide(c, next byte) bool {
	switch {
	case r.encoding == narrow || c <= 0x80 || c == 0xff || next < '@':
		return false
	case r.encoding == shiftJIS:
		return c < 0xa0 || c > 0xdf
	default:
		return true
	}
}

// wideName passes over the rest of a name in an encoding with characters of two
// bytes.
func (l *lexer) wideName() {
	for l.at = l.from; parts[l.peek()]; {
		l.character()
	}
}

// wideTag passes over the name in a dollar quote's tag.
func (l *lexer) wideTag() {
	for parts[l.peek()] && l.peek() != '$' {
		l.character()
	}
}

func (l *lexer) character() {
	c := l.text[l.at]
	if l.at++; l.reading.wide(c, l.peek()) {
		l.at++
	}
}
