package relay

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
		`xE'\' y`:                    {"xE", `'\'`, "y"},
		`E x`:                        {"E", "x"},
		`"a ""b"" c" d`:              {`"a ""b"" c"`, "d"},
		"$$a;b$$c":                   {"$$a;b$$", "c"},
		"$é$ $$ $é$ x":               {"$é$ $$ $é$", "x"},
		"$a$ $A$ $a$ x":              {"$a$ $A$ $a$", "x"},
		"$1 $2$":                     {"$", "1", "$", "2", "$"},
		"$1$$x$$":                    {"$", "1", "$$x$$"},
		"$a":                         {"$", "a"},
		"a$$b$$":                     {"a$$b$$"},
		"1$$b$$":                     {"1", "$$b$$"},
		"12e5 0x1F 1_000":            {"12e5", "0x1F", "1_000"},
		"-- a\nb":                    {"b"},
		"-- a\rb":                    {"b"},
		"a--b":                       {"a"},
		"a - - b":                    {"a", "-", "-", "b"},
		"/* a /* b */ c */ d /**/ e": {"d", "e"},
		"a/b":                        {"a", "/", "b"},
		"a\x00b":                     {"a"},
		// What does not end goes on to the end of the text.
		"'a;b":       {"'a;b"},
		`"a;b`:       {`"a;b`},
		"$$a;b":      {"$$a;b"},
		"/* a;b":     nil,
		"/* /* */ b": nil,
		`E'\`:        {`E'\`},
		"/*/":        nil,
	} {
		var got []string
		l := lexer{text: []byte(text)}
		for kind, token := l.next(); kind != end; kind, token = l.next() {
			if kind == semicolon {
				token = []byte(";")
			}
			got = append(got, string(token))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: tokens %q, want %q", text, got, want)
		}
	}
}
