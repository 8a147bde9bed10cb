package admin

import (
	"fmt"
	"strings"

	"postern/proxy/wire"
)

// statement is one command as it was typed, in words.
type statement []word

// word is a piece of a statement: a bare word, a quoted one, or a sign such as
// "=" or ",".
type word struct {
	text   string
	quoted bool // within ' or "; then it is no keyword
}

// is reports whether w is the keyword, which is in upper case.
func (w word) is(keyword string) bool { return !w.quoted && strings.EqualFold(w.text, keyword) }

// String returns the statement for an error message.
func (s statement) String() string {
	var texts []string
	for _, w := range s {
		texts = append(texts, w.text)
	}
	return strings.Join(texts, " ")
}

// maxWords bounds a text, of which none that makes sense has more.
const maxWords = 1000

// parse splits a text into its statements; the empty ones are left out.
// Comments are skipped as in SQL, but one only begins where a word cannot go on:
// "a--b" is a tenant, and half of it would be another.
func parse(text string) ([]statement, error) {
	var all []statement
	var current statement
	rest := text
	for words := 0; ; words++ {
		var err error
		if rest, err = skipSpace(rest); err != nil {
			return nil, err
		}
		if rest == "" || rest[0] == ';' {
			if len(current) > 0 {
				all, current = append(all, current), nil
			}
			if rest == "" {
				return all, nil
			}
			rest = rest[1:]
			continue
		}
		var w word
		if w, rest, err = nextWord(rest); err != nil {
			return nil, err
		}
		if words >= maxWords {
			return nil, syntaxError("the command has more than %d words", maxWords)
		}
		current = append(current, w)
	}
}

// skipSpace skips white space and comments.
func skipSpace(s string) (string, error) {
	for {
		s = strings.TrimLeft(s, space)
		switch {
		case strings.HasPrefix(s, "--"):
			end := strings.IndexAny(s, "\r\n")
			if end < 0 {
				return "", nil
			}
			s = s[end:]
		case strings.HasPrefix(s, "/*"):
			var closed bool
			if s, closed = skipComment(s); !closed {
				return "", syntaxError("unterminated /* comment")
			}
		default:
			return s, nil
		}
	}
}

const space = " \t\n\v\f\r"

// skipComment skips a comment in /* */, which may hold others.
func skipComment(s string) (rest string, closed bool) {
	depth := 0
	for i := 0; i+1 < len(s); i++ {
		switch s[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
			if depth == 0 {
				return s[i+1:], true
			}
		}
	}
	return "", false
}

// nextWord takes one word off s, which begins with one.
func nextWord(s string) (w word, rest string, err error) {
	if quote := s[0]; quote == '\'' || quote == '"' {
		text, rest, closed := quotedText(s[1:], quote)
		if !closed {
			return word{}, "", syntaxError("unterminated quoted string")
		}
		return word{text: text, quoted: true}, rest, nil
	}
	end := strings.IndexAny(s, space+`;'"=,()`)
	switch {
	case end < 0:
		end = len(s)
	case end == 0:
		end = 1 // a sign
	}
	return word{text: s[:end]}, s[end:], nil
}

// quotedText reads up to the closing quote; two of them stand for one.
func quotedText(s string, quote byte) (text, rest string, closed bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != quote {
			b.WriteByte(s[i])
			continue
		}
		if i+1 == len(s) || s[i+1] != quote {
			return b.String(), s[i+1:], true
		}
		b.WriteByte(quote)
		i++
	}
	return "", "", false
}

// syntaxError is a command that nobody understands.
func syntaxError(format string, args ...any) *wire.Error {
	return &wire.Error{Code: codeSyntaxError, Message: fmt.Sprintf(format, args...), Hint: "SHOW HELP lists the commands."}
}
