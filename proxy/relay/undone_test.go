package relay

import (
	"bytes"
	"strings"
	"testing"
)

// advance shows a session bytes of one side until all of them are dealt with.
func advance(t *testing.T, from func([]byte) (Step, error), b []byte) (sent []byte) {
	t.Helper()
	for len(b) > 0 {
		step, err := from(b)
		if err != nil || !step.Moved() {
			t.Fatalf("at %q: %+v, %v", b, step, err)
		}
		sent = append(append(sent, b[:step.Forward]...), step.Send...)
		b = b[step.Forward+step.Drop:]
	}
	return sent
}

// The batch may fail while a Parse is half through: it is skipped then.
// Promises: C49.
func TestParseUndoneHalfThrough(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "a"} {
		s, server := pooledSession()
		parse := parseMessage(name, strings.Repeat("-", peekLimit))
		for _, cut := range []int{peekLimit + 5, len(parse) - 1} {
			advance(t, s.FromClient, bindMessage("", "nothing"))
			advance(t, s.FromClient, parse[:cut])
			advance(t, s.FromServer, serverMessage('E'))
			advance(t, s.FromClient, parse[cut:])
			advance(t, s.FromClient, clientMessage('S'))
			advance(t, s.FromServer, serverMessage('Z'))
			if len(server.index) > 0 || len(s.names) > 0 || s.unnamed.known {
				t.Fatalf("statement %q, cut at %d: something is left of it", name, cut)
			}
			s.Attached(server)
		}
	}
}

// What is dropped by DEALLOCATE in the extended protocol is gone for what is sent
// behind it, before the server has said so.
// Promises: C68.
func TestDeallocateInPipeline(t *testing.T) {
	t.Parallel()
	for _, sync := range []bool{false, true} {
		s, _ := pooledSession()
		advance(t, s.FromClient, append(parseMessage("a", "select 1"), clientMessage('S')...))
		advance(t, s.FromServer, serverMessages("1Z"))
		s.Attached(&Server{})
		batch := bytes.Join([][]byte{parseMessage("", "deallocate a"), messages("BE")}, nil)
		if sync {
			batch = append(batch, clientMessage('S')...)
		}
		advance(t, s.FromClient, batch)
		if !sync { // made anew behind it, it is there again
			again := advance(t, s.FromClient, append(parseMessage("a", "select 2"), bindMessage("", "a")...))
			if !bytes.Contains(again, []byte("\x00postern_")) {
				t.Errorf("sent %q", again)
			}
			continue
		}
		use := bindMessage("", "a")
		step, err := s.FromClient(use)
		if err != nil || step.Pause != Wait {
			t.Errorf("another batch goes on with %+v, %v before it is known what has become of the statement", step, err)
		}
	}
}
