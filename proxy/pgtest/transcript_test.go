package pgtest

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
)

// The scripts give the same transcript twice at the server itself: only then
// does a difference mean anything.
func TestScriptsRepeat(t *testing.T) {
	t.Parallel()
	EachVersion(t, func(t *testing.T, major int) {
		pg := Start(t, Config{Major: major})
		Compare(t, pg.Target("app", "app"), pg.SocketTarget("app", "app"))
	})
}

func TestScriptsOverTLS(t *testing.T) {
	t.Parallel()
	pg := Start(t, Config{TLS: true})
	relay := StartRelay(t, RelayConfig{To: pg.Target("app", "app")})
	direct := pg.TLSTarget("app", "app")
	direct.ChannelBinding = true
	Compare(t, direct, relay.Target(direct), slices.Concat(simpleScripts(), startupScripts())...)
}

// What only copies bytes makes no difference, however it cuts them up.
func TestScriptsThroughRelay(t *testing.T) {
	t.Parallel()
	direct := Start(t, Config{}).Target("app", "app")
	relay := StartRelay(t, RelayConfig{To: direct})
	Compare(t, direct, relay.Target(direct))
	if relay.Connections() == 0 {
		t.Error("nothing went through the relay")
	}

	crumbs := StartRelay(t, RelayConfig{To: direct, Client: Faults{ReadSize: 1, WriteSize: 1}, Server: Faults{ReadSize: 7, WriteSize: 3}})
	// Of a query among COPY data the server reads no more than the first byte and
	// closes: what still trickles in may reset the connection before its last words
	// are read.
	small := slices.DeleteFunc(Scripts(), func(s Script) bool {
		return slices.Contains([]string{"large rows", "many parameters", "many rows by portal", "COPY out", "COPY in",
			"COPY in interrupted by a query"}, s.Name)
	})
	through := crumbs.Target(direct)
	through.WriteSize = 2
	Compare(t, direct, through, small...)
}

// Whatever is lost, added or changed on the way is reported.
func TestDifferenceIsFound(t *testing.T) {
	t.Parallel()
	pg := Start(t, Config{})
	direct := pg.Target("app", "app")
	direct.Timeout = 500 * time.Millisecond
	script := Script{Run: queries("select 1; select 2", "select no_such_column", "notify nobody")}

	drop := func(Message) []Message { return nil }
	change := func(old, new string) func(Message) []Message {
		return func(m Message) []Message {
			m.Body = bytes.Replace(m.Body, []byte(old), []byte(new), 1)
			return []Message{m}
		}
	}
	for _, test := range []struct {
		name   string
		kind   byte // of the message that is changed, the first one only
		change func(Message) []Message
		want   string // a line of the difference
	}{
		{"row lost", 'D', drop, `- DataRow "1"`},
		{"row changed", 'D', change("1", "2"), `+ DataRow "2"`},
		{"row doubled", 'D', func(m Message) []Message { return []Message{m, m} }, `+ DataRow "1"`},
		{"command tag changed", 'C', change("SELECT", "selecT"), `+ CommandComplete "selecT 1"`},
		{"column renamed", 'T', change("?column?", "!column!"), `+ RowDescription "!column!" table=0`},
		{"status changed", 'Z', change("I", "T"), "+ ReadyForQuery T"},
		{"error field lost", 'E', change("F", "\x00"), "+ ErrorResponse"},
		{"error code changed", 'E', change("42703", "42704"), `C="42704"`},
		{"parameter lost", 'S', drop, "- ParameterStatus"},
		{"key lost", 'K', drop, "- BackendKeyData <pid>"},
		{"key longer", 'K', func(m Message) []Message { m.Body = append(m.Body, 1); return []Message{m} }, "+ BackendKeyData <pid> <key of 5 bytes>"},
		{"message added", 'T', func(m Message) []Message { return []Message{{Type: 'n'}, m} }, "+ NoData"},
		{"unknown message", 'T', func(m Message) []Message { return []Message{{Type: '!'}, m} }, `+ '!' not understood`},
		{"odd bytes", 'Z', func(m Message) []Message { m.Body = []byte("II"); return []Message{m} }, "not understood"},
		{"end of the answer lost", 'Z', drop, "+ > (gives up waiting)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			changed := false
			relay := StartRelay(t, RelayConfig{To: direct, Change: func(m Message) []Message {
				if changed || m.Type != test.kind {
					return []Message{m}
				}
				changed = true
				return test.change(m)
			}})
			got := Difference(t, direct, relay.Target(direct), script)
			if !strings.Contains(got, test.want) {
				t.Errorf("the difference has no line %q:\n%s", test.want, got)
			}
		})
	}
	t.Run("connection cut", func(t *testing.T) {
		relay := StartRelay(t, RelayConfig{To: direct, Client: Faults{CutAfterWritten: 600}})
		if got := Difference(t, direct, relay.Target(direct), script); !strings.Contains(got, "+ ") {
			t.Errorf("a connection cut in the middle makes no difference:\n%s", got)
		}
	})
}

func TestDiff(t *testing.T) {
	t.Parallel()
	lines := func(s string) []string { return strings.Split(s, "") }
	for _, test := range []struct{ name, want, got, diff string }{
		{"equal", "abc", "abc", ""},
		{"one changed", "abc", "axc", "  a\n- b\n+ x\n  c\n"},
		{"one lost", "abc", "ac", "  a\n- b\n  c\n"},
		{"one added", "ac", "abc", "  a\n+ b\n  c\n"},
		{"far away", "0123456789x", "0123456789y", "  …\n  7\n  8\n  9\n- x\n+ y\n"},
		{"in the middle", "0123456x0123456", "01234560123456", "  …\n  4\n  5\n  6\n- x\n  0\n  1\n  2\n  …\n"},
	} {
		if diff := Diff(lines(test.want), lines(test.got)); diff != test.diff {
			t.Errorf("%s:\n%swant\n%s", test.name, diff, test.diff)
		}
	}
}
