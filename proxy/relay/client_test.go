package relay

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"postern/proxy/wire"
)

// refusal is what tests answer in place of a server.
var refusal = &wire.Error{Code: wire.CannotConnectNow, Message: "no server"}

// without is a client without a server connection; need is called when it wants
// one.
func without(t testing.TB, need func(*Session)) (*Session, *flow) {
	s := &Session{}
	return s, &flow{t: t, from: s.FromClient, pause: func(p Pause) {
		if p == NeedServer {
			need(s)
		}
	}}
}

// letters are the types of the messages in b.
func letters(t *testing.T, b []byte) string {
	t.Helper()
	var found []byte
	for len(b) > 0 {
		h, ok, err := wire.ParseHeader(b)
		if !ok || err != nil || h.Length > len(b) {
			t.Fatalf("not whole messages: %q", b)
		}
		found = append(found, h.Type)
		b = b[h.Length:]
	}
	return string(found)
}

func messages(kinds string) []byte {
	var b []byte
	for _, kind := range []byte(kinds) {
		b = append(b, clientMessage(kind)...)
	}
	return b
}

// What a client may say without a server connection, and what it needs one for.
// Promises: C81, J9.
func TestC81WithoutServer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, client string
		forwarded    string // once there is a server
		answered     string
		pauses       []Pause
	}{
		{"Sync alone", "S", "", "Z", nil},
		{"Syncs", "SSS", "", "ZZZ", nil},
		{"Flush", "H", "", "", nil},
		{"Sync, Flush, Sync", "SHS", "", "ZZ", nil},
		{"late COPY data", "dcf", "", "", nil},
		{"Terminate", "X", "", "", []Pause{Goodbye}},
		{"Sync, Terminate", "SX", "", "Z", []Pause{Goodbye}},
		{"Query", "Q", "Q", "", []Pause{NeedServer}},
		{"Sync, then Query", "SQ", "Q", "Z", []Pause{NeedServer}},
		{"a batch", "PBDES", "PBDES", "", []Pause{NeedServer}},
		{"FunctionCall", "F", "F", "", []Pause{NeedServer}},
		{"Describe", "D", "D", "", []Pause{NeedServer}},
		{"Terminate behind a query", "QX", "QX", "", []Pause{NeedServer}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, f := without(t, func(s *Session) { s.Attached(nil) })
			if !s.Idle() {
				t.Error("not idle at first")
			}
			f.read(messages(test.client))
			if got := letters(t, f.forwarded); got != test.forwarded {
				t.Errorf("forwarded %q, want %q", got, test.forwarded)
			}
			if got := letters(t, f.answered); got != test.answered {
				t.Errorf("answered %q, want %q", got, test.answered)
			}
			if !slices.Equal(f.pauses, test.pauses) {
				t.Errorf("pauses %v, want %v", f.pauses, test.pauses)
			}
			if s.Idle() != (test.forwarded == "") {
				t.Errorf("idle is %v", s.Idle())
			}
			if got, want := s.Terminated(), strings.HasSuffix(test.forwarded, "X"); got != want {
				t.Errorf("terminated is %v", got)
			}
		})
	}
}

// A statement for which no server can be had fails as PostgreSQL's do: the rest
// of its batch is skipped, and one ReadyForQuery ends it.
// Promises: C52, C53.
func TestC52Refused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, client string
		answered     string
		refusals     int
		idle         bool
	}{
		{"Query", "Q", "EZ", 1, true},
		{"FunctionCall", "F", "EZ", 1, true},
		{"a batch", "PBDES", "EZ", 1, true},
		{"a batch without its Sync", "PBDE", "E", 1, false},
		{"Flush", "PBDEH", "E", 1, false},
		{"Query within the batch", "PBEQS", "EZ", 1, true},
		{"COPY", "Qddc", "EZ", 1, true},
		{"extended COPY", "PBEddcS", "EZ", 1, true},
		{"two queries", "QQ", "EZEZ", 2, true},
		{"two batches", "PBESPBES", "EZEZ", 2, true},
		{"a Sync of its own behind", "PBESS", "EZZ", 1, true},
		{"query, batch, Sync", "QPBESS", "EZEZZ", 2, true},
		{"Terminate behind", "PBEX", "E", 1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			refusals := 0
			s, f := without(t, func(s *Session) { s.Refuse(refusal); refusals++ })
			b := messages(test.client)
			f.read(b)
			if got := letters(t, f.answered); got != test.answered {
				t.Errorf("answered %q, want %q", got, test.answered)
			}
			if len(f.forwarded) > 0 {
				t.Errorf("forwarded %q", f.forwarded)
			}
			if refusals != test.refusals {
				t.Errorf("asked for a server %d times, want %d", refusals, test.refusals)
			}
			if s.Idle() != test.idle {
				t.Errorf("idle is %v", s.Idle())
			}
			if !bytes.Contains(f.answered, []byte("VERROR\x00")) || bytes.Contains(f.answered, []byte("FATAL")) {
				t.Errorf("not an ERROR: %q", f.answered)
			}
			for at := 0; at < len(f.answered); {
				h, _, _ := wire.ParseHeader(f.answered[at:])
				if h.Type == 'Z' && f.answered[at+5] != 'I' {
					t.Errorf("ReadyForQuery %q", f.answered[at+5])
				}
				at += h.Length
			}
		})
	}
}

// After a refusal the next statement may have a server.
// Promises: C52.
func TestC52ServerAfterRefusal(t *testing.T) {
	t.Parallel()
	first := true
	s, f := without(t, func(s *Session) {
		if first {
			s.Refuse(refusal)
		} else {
			s.Attached(nil)
		}
		first = false
	})
	f.read(messages("PBESPBES"))
	if got := letters(t, f.forwarded); got != "PBES" {
		t.Errorf("forwarded %q", got)
	}
	if got := letters(t, f.answered); got != "EZ" {
		t.Errorf("answered %q", got)
	}
	server := &flow{t: t, from: s.FromServer}
	for _, kind := range []byte("12CZ") {
		server.read(serverMessage(kind))
	}
	if !s.Idle() {
		t.Error("not idle at the end")
	}
}

// Promises: C79, CVE-2015-4054.
func TestC79BrokenClient(t *testing.T) {
	t.Parallel()
	query := string(clientMessage('Q'))
	for name, broken := range map[string]string{
		"unknown type":            "z\x00\x00\x00\x04",
		"a server's type":         "Z\x00\x00\x00\x05I",
		"password out of place":   "p\x00\x00\x00\x05\x00",
		"zero byte":               "\x00\x00\x00\x00\x04",
		"length 0":                "Q\x00\x00\x00\x00",
		"length 3":                "S\x00\x00\x00\x03",
		"negative length":         "Q\xff\xff\xff\xff",
		"length of 2 GiB":         "Q\x7f\xff\xff\xff",
		"large for a small type":  "S\x00\x01\x00\x00",
		"behind a query":          query + "z\x00\x00\x00\x04",
		"behind a query, too":     query + "Q\x00\x00\x00\x00",
		"within a refused batch":  string(messages("PB")) + "z\x00\x00\x00\x04",
		"a startup packet of 3.0": "\x00\x00\x00\x08\x00\x03\x00\x00",
	} {
		for _, attached := range []bool{true, false} {
			s, f := without(t, func(s *Session) { s.Refuse(refusal) })
			if attached {
				s.Attached(nil)
			}
			f.read([]byte(broken))
			var failure *wire.Error
			if !errors.As(f.err, &failure) || failure.Code != wire.ProtocolViolation {
				t.Errorf("%s, attached %v: error %v", name, attached, f.err)
			}
			if strings.HasPrefix(broken, query) && attached && string(f.forwarded) != query {
				t.Errorf("%s: forwarded %q", name, f.forwarded)
			}
		}
	}
}

// A message is forwarded as it comes, however long it is, and needs no more
// memory than MinBuffer.
// Promises: C77.
func TestC77HugeMessages(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	rest := make([]byte, size)
	for i := range rest {
		rest[i] = 'x'
	}
	for _, kind := range []byte("QPBFd") {
		s := &Session{}
		s.Attached(nil)
		f := &flow{t: t, from: s.FromClient}
		b := message(kind, string(rest))
		f.read(b)
		if !bytes.Equal(f.forwarded, b) {
			t.Errorf("client's %c: forwarded %d of %d bytes", kind, len(f.forwarded), len(b))
		}
		if s.client.left != 0 {
			t.Errorf("client's %c: %d bytes left", kind, s.client.left)
		}
	}
	for _, kind := range []byte("DTdENSAVtCZ") {
		s := &Session{}
		s.Attached(nil)
		f := &flow{t: t, from: s.FromServer}
		b := message(kind, string(rest))
		f.read(b)
		if !bytes.Equal(f.forwarded, b) || !s.Boundary() {
			t.Errorf("server's %c: forwarded %d of %d bytes", kind, len(f.forwarded), len(b))
		}
	}
	refused, f := without(t, func(s *Session) { s.Refuse(refusal) })
	b := message('Q', string(rest))
	f.read(b)
	if f.dropped != len(b) || letters(t, f.answered) != "EZ" || !refused.Idle() {
		t.Errorf("a refused query: dropped %d of %d bytes, answered %q", f.dropped, len(b), f.answered)
	}
}

func TestBoundary(t *testing.T) {
	t.Parallel()
	s := &Session{}
	s.Attached(nil)
	row := message('D', strings.Repeat("x", 100))
	f := &flow{t: t, from: s.FromServer}
	f.read(row[:50])
	if s.Boundary() || s.Idle() {
		t.Error("within a message that is forwarded: a boundary, or idle")
	}
	f.read(row[50:])
	if !s.Boundary() {
		t.Error("no boundary behind a message")
	}
	f.read(row[:3]) // a head that is not whole is not forwarded
	if !s.Boundary() || len(f.forwarded) != len(row) {
		t.Error("a part of a head has gone to the client")
	}
}
