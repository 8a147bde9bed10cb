package admin

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"postern/proxy/wire"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want []string // a statement each, words joined by spaces
	}{
		{"", nil},
		{" ;; \n;", nil},
		{"SHOW POOLS", []string{"SHOW POOLS"}},
		{"show pools;", []string{"show pools"}},
		{"show\tpools ; show lists", []string{"show pools", "show lists"}},
		{"-- nothing", nil},
		{"-- one\r\nSHOW -- two\nPOOLS", []string{"SHOW POOLS"}},
		{"/* a /* b */ c */SHOW/**/POOLS", []string{"SHOW/**/POOLS"}}, // no comment within a word
		{"SHOW /* ; */ POOLS", []string{"SHOW POOLS"}},
		{"PAUSE a--b", []string{"PAUSE a--b"}},
		{`PAUSE "acme"`, []string{"PAUSE acme"}},
		{`PAUSE 'a;b''c'`, []string{"PAUSE a;b'c"}},
		{"SET a=1", []string{"SET a = 1"}},
	}
	for _, test := range tests {
		statements, err := parse(test.text)
		var got []string
		for _, s := range statements {
			got = append(got, s.String())
		}
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%q: got %q, %v, want %q", test.text, got, err, test.want)
		}
	}
	for _, text := range []string{"/* a", "/*/", `PAUSE "a`, "PAUSE 'a''", strings.Repeat("a ", maxWords+1)} {
		_, err := parse(text)
		var refused *wire.Error
		if !errors.As(err, &refused) || refused.Code != codeSyntaxError || refused.Hint == "" {
			t.Errorf("%.20q: got %v, want a syntax error", text, err)
		}
	}
}

// A quoted word is a name, never a keyword.
func TestQuotedKeyword(t *testing.T) {
	t.Parallel()
	session := New(Config{}).Session(nil, Login{Admin: true})
	for _, text := range []string{`"SHOW" POOLS`, `SHOW "POOLS"`, `SHUTDOWN 'WAIT_FOR_SERVERS'`} {
		statements, err := parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := session.plan(statements[0]); err == nil {
			t.Errorf("%s was taken for a command", text)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"SHOW POOLS;", "-- a\nPAUSE acme; RESUME", "/* /* */ */ KILL 'a''b'", `SET "x" = 1`, "SELECT 1", "SHUTDOWN WAIT_FOR_CLIENTS",
		"KILL_CLIENT 18446744073709551615", "\x00;\xff",
	} {
		f.Add(text)
	}
	stats := New(Config{}).Session(nil, Login{})
	f.Fuzz(func(t *testing.T, text string) {
		statements, err := parse(text)
		if err != nil {
			return
		}
		size := 0
		for _, s := range statements {
			if len(s) == 0 {
				t.Fatal("an empty statement")
			}
			for _, w := range s {
				size += len(w.text)
				if w.text == "" && !w.quoted {
					t.Fatal("an empty word")
				}
			}
			// Who may only look gets nothing done: what it can plan changes nothing.
			p, err := stats.plan(s)
			if err != nil {
				continue
			}
			switch p.tag {
			case "SHOW", "SELECT 1", "SET", "DISCARD ALL":
			default:
				t.Fatalf("%q by a stats user does %s", text, p.tag)
			}
		}
		if size > len(text) {
			t.Fatalf("%q grew", text)
		}
	})
}
