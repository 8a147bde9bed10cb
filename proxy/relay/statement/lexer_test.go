package statement

import (
	"slices"
	"testing"
)

func TestLexer(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                           nil,
		" \t\n\r\f\v":                nil,
		"select 1":                   {"select", "1"},
		"a_1$é b":                    {"a_1$é", "b"},
		";;":                         {";", ";"},
		"a;b":                        {"a", ";", "b"},
		"'x'":                        {"'x'"},
		"'it''s' x":                  {"'it''s'", "x"},
		`'\' x`:                      {`'\'`, "x"},
		`E'\' x' y`:                  {`E'\' x'`, "y"},
		`e'\\' y`:                    {`e'\\'`, "y"},
		`e'''' y`:                    {`e''''`, "y"},
		`xE'\' y`:                    {"xE", `'\'`, "y"},
		`E x`:                        {"E", "x"},
		"E'a'\n'\\'' x":              {"E'a'", `'\''`, "x"}, // escapes go on with the string
		"E'a' --c\n '\\'' '\\'' x":   {"E'a'", `'\''`, `'\''`, "x"},
		`E'a'+'\' x`:                 {"E'a'", "+", `'\'`, "x"},
		`N'\' b'1' X'1F'`:            {"N", `'\'`, "b", "'1'", "X", "'1F'"},
		`U&'\' x`:                    {`U&'\'`, "x"},
		`u&"a\"" b`:                  {`u&"a\"" b`}, // a doubled quote
		`u&"a""b" c`:                 {`u&"a""b"`, "c"},
		`U& "a"`:                     {"U", "&", `"a"`},
		`U&a`:                        {"U", "&", "a"},
		`aU&'b'`:                     {"aU", "&", "'b'"},
		`"a ""b"" c" d`:              {`"a ""b"" c"`, "d"},
		"$$a;b$$c":                   {"$$a;b$$", "c"},
		"$é$ $$ $é$ x":               {"$é$ $$ $é$", "x"},
		"$a$ $A$ $a$ x":              {"$a$ $A$ $a$", "x"},
		"$a$ $b$a$ x":                {"$a$ $b$a$", "x"},
		"$a$$$$a$x":                  {"$a$$$$a$", "x"},
		"$1 $2$":                     {"$1", "$2", "$"},
		"$1$$x$$":                    {"$1", "$$x$$"},
		"$1$2$x":                     {"$1", "$2", "$", "x"},
		"$1a":                        {"$1", "a"},
		"$a":                         {"$", "a"},
		"$a b$":                      {"$", "a", "b$"},
		"$a1$x$a1$":                  {"$a1$x$a1$"},
		"a$$b$$":                     {"a$$b$$"},
		"1$$b$$":                     {"1", "$$b$$"},
		"12e5 1.5":                   {"12", "e5", "1", ".", "5"},
		"1into":                      {"1", "into"}, // until PostgreSQL 14
		"-- a\nb":                    {"b"},
		"-- a\rb":                    {"b"},
		"-- '\nb":                    {"b"},
		"a--b":                       {"a"},
		"+--b\n+/*c*/-":              {"+", "+", "-"},
		"*/*a*/b":                    {"*", "b"},
		"a - - b":                    {"a", "-", "-", "b"},
		"/* a /* b */ c */ d /**/ e": {"d", "e"},
		"/*/**/*/a":                  {"a"},
		"/***/a/*/ */b":              {"a", "b"},
		"/* -- */a":                  {"a"},
		"-- /*\na":                   {"a"},
		"'--' '/*' a":                {"'--'", "'/*'", "a"},
		"a/b":                        {"a", "/", "b"},
		"\\a":                        {"\\", "a"},
	} {
		if got, unclosed := tokens(text, reading{}); !slices.Equal(got, want) || unclosed != (text == `u&"a\"" b`) {
			t.Errorf("%q: tokens %q, unclosed %v, want %q", text, got, unclosed, want)
		}
	}
	for text, want := range map[string][]string{ // what does not end goes on to the end of the text
		"'a;b":       {"'a;b"},
		`"a;b`:       {`"a;b`},
		"$$a;b":      {"$$a;b"},
		"$a$ $$ $A$": {"$a$ $$ $A$"},
		"/* a;b":     nil,
		"/* /* */ b": nil,
		"/*/":        nil,
		"/*":         nil,
		`E'\`:        {`E'\`},
		`E'\'`:       {`E'\'`},
		`E'`:         {`E'`},
		`'''`:        {`'''`},
		`U&"a`:       {`U&"a`},
	} {
		if got, unclosed := tokens(text, reading{}); !slices.Equal(got, want) || !unclosed {
			t.Errorf("%q: tokens %q, unclosed %v, want %q", text, got, unclosed, want)
		}
	}
}

func TestReadings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		reading
		want []string
	}{
		{`'\'' x`, reading{backslashes: true}, []string{`'\''`, "x"}},
		{`'\\' x`, reading{backslashes: true}, []string{`'\\'`, "x"}},
		{`"\" x`, reading{backslashes: true}, []string{`"\"`, "x"}},
		{`$$\$$ x`, reading{backslashes: true}, []string{`$$\$$`, "x"}},
		// 0x83 0x5c is one character in both encodings, 0xb1 0x5c only in one.
		{"E'\x83\x5c' x", reading{encoding: shiftJIS}, []string{"E'\x83\x5c'", "x"}},
		{"E'\x83\x5c' x", reading{encoding: doubleByte}, []string{"E'\x83\x5c'", "x"}},
		{"E'\xb1\x5c'' x", reading{encoding: shiftJIS}, []string{"E'\xb1\x5c''", "x"}},
		{"E'\xb1\x5c'", reading{encoding: doubleByte}, []string{"E'\xb1\x5c'"}},
		{"E'\x83\x83\x5c'' x", reading{encoding: doubleByte}, []string{"E'\x83\x83\x5c''", "x"}},
		{"\x83\x5c$$ '", reading{encoding: shiftJIS}, []string{"\x83\x5c$$", "'"}},
		{"$\x83\x5c$ ' $\x83\x5c$ x", reading{encoding: doubleByte}, []string{"$\x83\x5c$ ' $\x83\x5c$", "x"}},
		{"'\x83' x", reading{encoding: doubleByte}, []string{"'\x83'", "x"}}, // no character at all
	} {
		if got, _ := tokens(test.text, test.reading); !slices.Equal(got, test.want) {
			t.Errorf("%q: tokens %q, want %q", test.text, got, test.want)
		}
	}
	for text, want := range map[string]ambiguity{
		`'\'`:           backslashes,
		`'\\'`:          0,
		`'\a'`:          0,
		`'a\'''`:        backslashes,
		`'é\' '`:        backslashes,
		`E'\'`:          0,
		`"\"`:           0,
		`$$\'$$`:        0,
		`-- '\'`:        0,
		`E'é\''`:        encodings,
		`'é\a'`:         0,
		"é":             0,
		"é@":            encodings,
		"'é@'":          0,
		"$é$ x $é$":     0,
		"$\x83\\$ '":    encodings,
		"select 'a' ; ": 0,
	} {
		l := lexer{text: []byte(text)}
		for l.next(); l.kind != end; {
			l.next()
		}
		if l.met != want {
			t.Errorf("%q: ambiguities %b, want %b", text, l.met, want)
		}
	}
}

func tokens(text string, r reading) (tokens []string, unclosed bool) {
	l := lexer{text: []byte(text), reading: r}
	for l.next(); l.kind != end; l.next() {
		tokens = append(tokens, string(l.token()))
	}
	return tokens, l.unclosed
}
