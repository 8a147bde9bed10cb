package relay

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// says lists messages about prepared statements, such as "P postern_1" for a
// Parse of that name; others are their type.
func says(t *testing.T, b []byte) []string {
	t.Helper()
	var all []string
	for len(b) > 0 {
		size := 1 + int(binary.BigEndian.Uint32(b[1:]))
		kind, body := b[0], b[5:size]
		line := string(kind)
		switch kind {
		case 'P':
			line += " " + string(untilZero(body))
		case 'B':
			line += " " + string(untilZero(body[bytes.IndexByte(body, 0)+1:]))
		case 'C', 'D':
			line += " " + string(untilZero(body[1:]))
		}
		all = append(all, line)
		b = b[size:]
	}
	return all
}

// lent is a client that gets this server connection, with a batch of its own.
func lent(config *Config, settings Settings, server *Server) *Session {
	s := &Session{}
	s.Pool(config, settings)
	s.Attached(server)
	return s
}

// expectSaid checks what a client's messages become.
func expectSaid(t *testing.T, s *Session, sent []byte, want ...string) {
	t.Helper()
	if got := says(t, advance(t, s.FromClient, sent)); !slices.Equal(got, want) {
		t.Errorf("the server gets %q, want %q", got, want)
	}
}

// A statement is the same for two clients only if its text, the types of its
// parameters and the settings are.
//
// Promises: C66.
func TestC66SameText(t *testing.T) {
	t.Parallel()
	config := &Config{MaxStatements: 10}
	path := NewSettings(map[string]string{"search_path": "other"})
	parse := func(types string) []byte { return message('P', "a\x00select $1\x00"+types) }
	untyped, typed := parse("\x00\x00"), parse("\x00\x01\x00\x00\x00\x17")
	for name, test := range map[string]struct {
		parse    []byte
		settings Settings
		shared   bool
	}{
		"all the same":        {untyped, Settings{}, true},
		"other types":         {typed, Settings{}, false},
		"another search_path": {untyped, path, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sync := clientMessage('S')
			// The other client prepares elsewhere, and comes to the first one's
			// server connection then.
			server := &Server{}
			first := lent(config, Settings{}, server)
			expectSaid(t, first, append(slices.Clone(untyped), sync...), "P postern_1", "S")
			advance(t, first.FromServer, serverMessages("1Z"))
			other := lent(config, test.settings, &Server{})
			expectSaid(t, other, append(slices.Clone(test.parse), sync...), "P postern_1", "S")
			advance(t, other.FromServer, serverMessages("1Z"))
			server.Settings = test.settings
			other.Attached(server)
			want := []string{"P postern_2", "B postern_2"}
			if test.shared {
				want = []string{"B postern_1"}
			}
			expectSaid(t, other, bindMessage("", "a"), want...)
		})
	}
}

// A statement that was to give way in a batch that has failed is there still: it
// is closed with the next.
//
// Promises: C63.
func TestC63GivesWayInFailedBatch(t *testing.T) {
	t.Parallel()
	server := &Server{}
	s := lent(&Config{MaxStatements: 1}, Settings{}, server)
	sync := clientMessage('S')
	expectSaid(t, s, append(parseMessage("a", "one"), sync...), "P postern_1", "S")
	advance(t, s.FromServer, serverMessages("1Z"))
	s.Attached(server)
	batch := slices.Concat(bindMessage("", "nowhere"), parseMessage("b", "two"), sync)
	expectSaid(t, s, batch, "B nowhere", "C postern_1", "P postern_2", "S")
	advance(t, s.FromServer, serverMessages("EZ")) // all is skipped, the Close too
	s.Attached(server)
	expectSaid(t, s, append(parseMessage("b", "two"), sync...), "C postern_1", "P postern_3", "S")
	if got := says(t, advance(t, s.FromServer, serverMessages("31Z"))); !slices.Equal(got, []string{"1", "Z"}) {
		t.Errorf("the client gets %q", got)
	}
	s.Attached(server)
	expectSaid(t, s, append(bindMessage("", "b"), sync...), "B postern_3", "S")
}

// Whatever has become of the statements on a server, no name is given twice: the
// server might have the old one still.
//
// Promises: C72.
func TestC72NamesAreGivenOnce(t *testing.T) {
	t.Parallel()
	config := &Config{MaxStatements: 2}
	server := &Server{}
	given := make(map[string]bool)
	for round, forget := range []string{"DISCARD ALL", "DEALLOCATE ALL", "", "close", "fail", ""} {
		s := lent(config, Settings{}, server)
		batch := parseMessage("a", strings.Repeat("x", round+1))
		answers := serverMessages("1")
		switch forget {
		case "close":
			batch = append(batch, message('C', "Sa\x00")...)
			answers = append(answers, serverMessages("3")...)
		case "fail":
			answers = serverMessages("E")
		}
		sent := says(t, advance(t, s.FromClient, append(batch, clientMessage('S')...)))
		for _, line := range sent {
			if name, parsed := strings.CutPrefix(line, "P "); parsed {
				if given[name] {
					t.Errorf("round %d: %s is given again", round, name)
				}
				given[name] = true
			}
			if strings.HasPrefix(line, "C postern") { // of one that gives way
				answers = append(serverMessages("3"), answers...)
			}
		}
		advance(t, s.FromServer, append(answers, serverMessages("Z")...))
		if strings.HasSuffix(forget, " ALL") {
			s.Attached(server)
			advance(t, s.FromClient, queryMessage(forget))
			for b := append(message('C', forget+"\x00"), serverMessages("Z")...); len(b) > 0; {
				step, err := s.FromServer(b)
				if err != nil {
					t.Fatal(err)
				}
				if step.Pause == Settle {
					s.Settled(nil)
				}
				b = b[step.Forward+step.Drop:]
			}
		} else {
			server.Reset()
		}
	}
	if len(given) != 6 {
		t.Errorf("%d names were given", len(given))
	}
}
