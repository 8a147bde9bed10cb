package relay

import (
	"strings"
	"testing"

	"postern/proxy/wire"
)

// Promises: C82.
func TestC82Beginnings(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"begin":                            "BEGIN",
		" \tBegin\nWork ; ":                "BEGIN",
		"begin transaction":                "BEGIN",
		"start transaction":                "START TRANSACTION",
		"begin read only":                  "BEGIN READ ONLY",
		"begin read write, not deferrable": "BEGIN READ WRITE NOT DEFERRABLE",
		"begin isolation level serializable, read only, deferrable": "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE",
		"begin read only isolation level read committed":            "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY",
		"start transaction isolation   level\trepeatable read":      "START TRANSACTION ISOLATION LEVEL REPEATABLE READ",
		"start":                                  "",
		"begin;;":                                "",
		"begin; select 1":                        "",
		"begin read only read write":             "",
		"begin deferrable not deferrable":        "",
		"begin read only,":                       "",
		"begin , read only":                      "",
		"begin read only,, deferrable":           "",
		"begin read onlyx":                       "",
		"begin isolation level read uncommitted": "",
		"begin -- now":                           "",
		"beginning":                              "",
		"commit":                                 "",
		"begin" + strings.Repeat(" ", longestBeginning): "",
	} {
		b := parseBeginning(text)
		got := ""
		if b != 0 {
			query := b.appendQuery(nil)
			if h, ok, err := wire.ParseClientHeader(query); !ok || err != nil || h.Length != len(query) || h.Type != wire.MsgQuery {
				t.Errorf("%q: becomes no Query: %q", text, query)
				continue
			}
			got = string(untilZero(query[wire.HeaderSize:]))
		}
		if got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// Without a server connection, what needs none is answered and a BEGIN waits; its
// own answer is not shown to the client again.
//
// Promises: C82.
func TestC82BeginWaits(t *testing.T) {
	t.Parallel()
	s := &Session{}
	s.Pool(&Config{AnswerEmpty: true}, Settings{})
	answers := func(sql, want string) {
		t.Helper()
		b := message('Q', sql+"\x00")
		step, err := s.FromClient(b)
		if err != nil || step.Forward != 0 || step.Drop != len(b) || step.Pause != None {
			t.Fatalf("%q: %+v, %v", sql, step, err)
		}
		var got []string
		for rest := step.Answer; len(rest) > 0; {
			h, _, _ := wire.ParseHeader(rest)
			got = append(got, string(rest[0])+" "+strings.TrimRight(string(rest[wire.HeaderSize:h.Length]), "\x00"))
			rest = rest[h.Length:]
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%q is answered %q, want %q", sql, got, want)
		}
	}
	answers("", "I , Z I")
	answers("begin", "C BEGIN, Z T")
	if s.Idle() {
		t.Error("idle in a transaction")
	}
	answers(" -- here", "I , Z T")
	answers("commit", "C COMMIT, Z I")
	answers("start transaction read only", "C START TRANSACTION, Z T")

	query := clientMessage('Q')
	if step, err := s.FromClient(query); err != nil || step.Pause != NeedServer {
		t.Fatalf("%+v, %v", step, err)
	}
	s.Attached(&Server{})
	if got := string(advance(t, s.FromClient, query)); !strings.Contains(got, "START TRANSACTION READ ONLY\x00") || !strings.HasSuffix(got, string(query)) {
		t.Errorf("the server gets %q", got)
	}
	answer := append(message('C', "START TRANSACTION\x00"), message('Z', "T")...)
	if got := advance(t, s.FromServer, answer); len(got) > 0 {
		t.Errorf("the client gets %q for a BEGIN that it has the answer of", got)
	}
	own := append(message('C', "SELECT 1\x00"), message('Z', "T")...)
	if got := advance(t, s.FromServer, own); string(got) != string(own) {
		t.Errorf("the client gets %q of its own answer", got)
	}
}

// If the first statement gets no server, what follows must not run outside the
// transaction: the session ends.
//
// Promises: C82.
func TestC82BeginRefused(t *testing.T) {
	t.Parallel()
	s := &Session{}
	s.Pool(&Config{AnswerEmpty: true}, Settings{})
	if _, err := s.FromClient(message('Q', "begin\x00")); err != nil {
		t.Fatal(err)
	}
	refusal := &wire.Error{Code: wire.CannotConnectNow, Message: "no"}
	s.Refuse(refusal)
	if step, err := s.FromClient(clientMessage('Q')); err != error(refusal) {
		t.Errorf("%+v, %v", step, err)
	}
}

// A server that refuses a plain BEGIN must not run what follows for the client.
func TestC82BeginFails(t *testing.T) {
	t.Parallel()
	s := &Session{}
	s.Pool(&Config{AnswerEmpty: true}, Settings{})
	if _, err := s.FromClient(message('Q', "begin\x00")); err != nil {
		t.Fatal(err)
	}
	s.Attached(&Server{})
	advance(t, s.FromClient, clientMessage('Q'))
	if _, err := s.FromServer(serverMessage('E')); err == nil {
		t.Error("the client goes on")
	}
}
