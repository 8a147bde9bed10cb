package statement

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// FuzzScan: no text makes Scan fail; a text says no less than its statements do,
// whatever stands before and behind them; and one that is cut says so.
func FuzzScan(f *testing.F) {
	for _, text := range []string{
		"select 1; alter role r", "/* /* */ */ -- x\n;", "'it''s' E'\\'' \"a\"\"b\" $$ $ $$ $a$ $$ $a$", "$1$2 1$x$ $x", "e'", "'", "\"",
		"set a.b to 'c', d; reset all", "select set_config('a', 'b', false)", "create temp table x ()", "a\x00b", "\xff\xfe'\\", "deallocate",
		"drop database if", "create database x template", "set", "reset", "discard", "declare c cursor with", "select set_config(", "u&'", "$\xff",
		"set u&\"a\\0062\"", "set u&\"a!+0000\" uescape '!'", "execute u&\"\\d83d\\de00\"", "$\x83\\$ ' $\x83\\$", "E'\x83\\'; set a = 1 -- '",
		"select 'a\\'; execute b; set a.b = 1 --'", "prepare transaction", "set_config($$a$$::text,'x',true)", "explain (analyze", "alter database",
	} {
		f.Add([]byte(text))
	}
	r := random{rand.New(rand.NewPCG(1, 2))}
	for range 50 {
		f.Add([]byte(r.text()))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if end := slices.Index(text, 0); end >= 0 {
			text = text[:end]
		}
		cut, whole := Scan(text), Scan(slices.Concat(text, []byte("\x00'; listen x")))
		if !cut.Truncated || whole.Truncated {
			t.Fatalf("%q: truncated is %v when cut, %v when whole", text, cut.Truncated, whole.Truncated)
		}
		for _, n := range slices.Concat(cut.Names, whole.Names) {
			if n.Offset < 0 || n.Length <= 0 || n.Offset+n.Length > len(text) {
				t.Fatalf("%+v lies outside %q", n, text)
			}
		}
		plain := scanner{lexer: lexer{text: text}}
		plain.scan()
		if plain.unclosed {
			return // PostgreSQL runs nothing of it, if that is the way to read it
		}
		if plain.met == 0 && !reflect.DeepEqual(plain.Summary, whole) {
			t.Fatalf("%q is %+v, and %+v when read once", text, whole, plain.Summary)
		}
		covers(t, scan("listen x; "+string(text)), whole, text)
		covers(t, scan(string(text)+"\n; listen x"), whole, text)
		l := lexer{text: text}
		for l.next(); l.kind != end; l.next() {
			if l.kind == semicolon {
				before := scanner{lexer: lexer{text: text[:l.from]}}
				before.scan()
				covers(t, whole, before.Summary, text)
			}
		}
	})
}

// covers fails unless a text that is more than another says all that the other
// one does.
func covers(t *testing.T, more, less Summary, text []byte) {
	t.Helper()
	if less.Changes&^more.Changes != 0 || less.Ends&^more.Ends != 0 || less.Effects&^more.Effects != 0 {
		t.Fatalf("%q says %v, ends %v, effects %b; with more around it %v, %v, %b", text, less.Changes, less.Ends, less.Effects, more.Changes, more.Ends, more.Effects)
	}
	for _, name := range less.Settings {
		if !slices.Contains(more.Settings, name) && more.Changes&UnknownSetting == 0 {
			t.Fatalf("%q: the setting %q is lost with more around it", text, name)
		}
	}
}
