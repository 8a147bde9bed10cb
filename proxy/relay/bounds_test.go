package relay

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// pooledSession is a session in transaction mode with a server connection.
func pooledSession() (*Session, *Server) {
	s, server := &Session{}, &Server{}
	s.Pool(&Config{MaxStatements: 10}, Settings{})
	s.Attached(server)
	return s, server
}

// A pipeline that never runs dry is no reason to remember what is over.
// Promises: C74, G120.
func TestEndlessPipelineDoesNotGrow(t *testing.T) {
	t.Parallel()
	s, server := pooledSession()
	text := strings.Repeat("-", 1000)
	batch := bytes.Join([][]byte{parseMessage("", text), messages("BES")}, nil)
	show := func(from func([]byte) (Step, error), b []byte) {
		t.Helper()
		for len(b) > 0 {
			step, err := from(b)
			if err != nil || !step.Moved() {
				t.Fatalf("%+v, %v", step, err)
			}
			b = b[step.Forward+step.Drop:]
		}
	}
	show(s.FromClient, batch)
	for range 10_000 {
		show(s.FromClient, batch)
		show(s.FromServer, serverMessages("12CZ"))
	}
	if n := cap(server.parse); n > 64<<10 {
		t.Errorf("%d bytes are kept of 2 statements under way", n)
	}
	if n := cap(server.operations.all); n > 100 {
		t.Errorf("%d operations are kept, 2 are under way", n)
	}
	if string(s.unnamed.text) != text+"\x00\x00\x00" {
		t.Errorf("the unnamed statement is remembered as %.40q", s.unnamed.text)
	}
}

// Nothing is allocated for what a head only announces.
// Promises: C74.
func TestAnnouncedLengthAllocatesNothing(t *testing.T) {
	t.Parallel()
	s, _ := pooledSession()
	b := parseMessage("name", strings.Repeat("x", peekLimit))
	binary.BigEndian.PutUint32(b[1:], maxRemembered)
	step, err := s.FromClient(b)
	if err != nil || len(step.Send) == 0 {
		t.Fatalf("%+v, %v", step, err)
	}
	if n := cap(s.pooling.backend.capture.text); n > 0 {
		t.Errorf("%d bytes are allocated", n)
	}
}

// Many small statements count for what they cost, not only for their text.
// Promises: C74.
func TestSmallStatementsAreBounded(t *testing.T) {
	t.Parallel()
	s, _ := pooledSession()
	pinned := 0
	for i := range 100_000 {
		name := strings.Repeat("n", 30) + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676%26)) + string(rune('a'+i/17576))
		for b := parseMessage(name, ""); len(b) > 0; {
			step, err := s.FromClient(b)
			if err != nil || !step.Moved() {
				t.Fatalf("%+v, %v", step, err)
			}
			b = b[step.Forward+step.Drop:]
		}
		for !s.pending.empty() && s.pending.done < s.pending.sent {
			s.received('1', nil)
		}
		if pinned = s.pooling.held; pinned > 0 {
			break
		}
	}
	if pinned == 0 {
		t.Errorf("%d statements are remembered", len(s.names))
	}
}

// What is remembered for all clients is bounded: a statement beyond that keeps its
// client on the server connection, and what a client leaves behind is free again.
// Promises: C74.
func TestMemoryOfAllIsBounded(t *testing.T) {
	t.Parallel()
	config := &Config{MaxStatements: 10, MaxMemory: 100_000}
	prepare := func(name string) *Session {
		s := &Session{}
		s.Pool(config, Settings{})
		s.Attached(&Server{})
		for b := parseMessage(name, strings.Repeat("x", 30_000)); len(b) > 0; {
			step, err := s.FromClient(b)
			if err != nil || !step.Moved() {
				t.Fatalf("%+v, %v", step, err)
			}
			b = b[step.Forward+step.Drop:]
		}
		for s.pending.done < s.pending.sent {
			s.received('1', nil)
		}
		return s
	}
	for _, name := range []string{"named", ""} {
		var remembered []*Session
		for len(remembered) < 10 {
			s := prepare(name)
			if s.Pins() != 0 {
				s.Closed()
				break
			}
			remembered = append(remembered, s)
		}
		if n := len(remembered); n != 2 && n != 3 {
			t.Errorf("%q: %d statements of 30,000 bytes are remembered in 100,000", name, n)
		}
		for _, s := range remembered {
			s.Closed()
		}
		if n := config.memory.Load(); n != 0 {
			t.Errorf("%q: %d bytes are remembered of clients who have left", name, n)
		}
	}
}
