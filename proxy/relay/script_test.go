package relay

import (
	"encoding/binary"
	"strings"
	"testing"
)

// message builds one message of either side.
func message(kind byte, body string) []byte {
	b := binary.BigEndian.AppendUint32([]byte{kind}, uint32(4+len(body)))
	return append(b, body...)
}

// clientMessage builds a small message of a client; what is in it matters only
// for Query and Parse.
func clientMessage(kind byte) []byte {
	switch kind {
	case 'Q':
		return message(kind, "select 1\x00")
	case 'P':
		return message(kind, "\x00select 1\x00\x00\x00")
	case 'B':
		return message(kind, "\x00\x00\x00\x00\x00\x00\x00\x00")
	case 'D', 'C':
		return message(kind, "S\x00")
	case 'E':
		return message(kind, "\x00\x00\x00\x00\x00")
	case 'd':
		return message(kind, "1\n")
	case 'f':
		return message(kind, "no\x00")
	case 'F':
		return message(kind, "\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00")
	}
	return message(kind, "")
}

// serverMessage builds a small message of a server. Z is ReadyForQuery outside a
// transaction, T in the script's words within one: see play.
func serverMessage(kind byte) []byte {
	switch kind {
	case 'Z':
		return message('Z', "I")
	case 'E':
		return message('E', "SERROR\x00VERROR\x00C22012\x00Mno\x00\x00")
	case '!':
		return message('E', "SFATAL\x00VFATAL\x00C57P01\x00Mno\x00\x00")
	case 'C':
		return message('C', "SELECT 1\x00")
	case 'G', 'H', 'W':
		return message(kind, "\x00\x00\x00")
	}
	return message(kind, "")
}

// play runs a conversation over a session that has a server connection. Its
// words: ">PBES" is what the client sends and "<12CZ" what the server does, a
// letter a message (< ! is a FATAL error); "<Z/T" is ReadyForQuery with another
// state; "idle" and "busy" are what Session.Idle must answer there. Everything
// must be forwarded.
func play(t *testing.T, script string) *Session {
	t.Helper()
	s := &Session{}
	s.Attached(nil)
	var said []string
	for _, word := range strings.Fields(script) {
		said = append(said, word)
		fail := func(format string, args ...any) {
			t.Helper()
			t.Fatalf("after %q: "+format, append([]any{strings.Join(said, " ")}, args...)...)
		}
		switch {
		case word == "idle" || word == "busy":
			if s.Idle() != (word == "idle") {
				fail("idle is %v", s.Idle())
			}
		case word[0] == '>':
			for _, kind := range []byte(word[1:]) {
				b := clientMessage(kind)
				step, err := s.FromClient(b)
				if err != nil || step.Forward != len(b) || step.Drop != 0 || step.Answer != nil || step.Pause != None {
					fail("client's %c: %+v, %v", kind, step, err)
				}
			}
		case word[0] == '<':
			letters, state, other := strings.Cut(word[1:], "/")
			for _, kind := range []byte(letters) {
				b := serverMessage(kind)
				if kind == 'Z' && other {
					b = message('Z', state)
				}
				step, err := s.FromServer(b)
				if err != nil || step.Forward != len(b) || step.Drop != 0 || step.Answer != nil || step.Pause != None {
					fail("server's %c: %+v, %v", kind, step, err)
				}
			}
		default:
			t.Fatalf("no such word: %q", word)
		}
	}
	return s
}

// playAll plays several conversations, each as a test of its own.
func playAll(t *testing.T, scripts map[string]string) {
	t.Parallel()
	for name, script := range scripts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, script)
		})
	}
}
