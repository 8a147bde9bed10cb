package relay

import (
	"maps"
	"strings"
	"testing"
)

// A Terminate is not for a server whose connection is given back, and comes behind
// the answers to what was sent before it.
func TestBorrowedTerminate(t *testing.T) {
	t.Parallel()
	s := &Session{}
	s.Borrow()
	s.Attached(nil)
	b := messages("QX")
	query := len(clientMessage('Q'))
	if step, err := s.FromClient(b); err != nil || step.Forward != query || step.Pause != Wait {
		t.Fatalf("behind a query: %+v, %v", step, err)
	}
	for _, kind := range "CZ" {
		if step, err := s.FromServer(serverMessage(byte(kind))); err != nil || step.Pause != None {
			t.Fatalf("%c: %+v, %v", kind, step, err)
		}
	}
	if step, err := s.FromClient(b[query:]); err != nil || step.Forward+step.Drop != 0 || step.Pause != Goodbye {
		t.Fatalf("alone: %+v, %v", step, err)
	}
}

// What is known of the unnamed statement of a session that is to be parked.
func TestPartUnnamed(t *testing.T) {
	t.Parallel()
	other := message('P', "\x00select 2\x00\x00\x00")
	long := message('P', "\x00select 1 -- "+strings.Repeat("x", maxUnnamed)+"\x00\x00\x00")
	for name, test := range map[string]struct {
		client, server string // in turns
		want           string // "none", "first", "other" or "?"
	}{
		"none":                 {"", "", "none"},
		"one":                  {"PBES", "12CZ", "first"},
		"named":                {"nS", "1Z", "none"},
		"replaced":             {"PBES oS", "12CZ 1Z", "other"},
		"ended by a query":     {"PS Q", "1Z CZ", "none"},
		"closed":               {"PS cS", "1Z 3Z", "none"},
		"large":                {"lS", "1Z", "?"},
		"large, then another":  {"lS PS", "1Z 1Z", "first"},
		"its statement fails":  {"PBES", "12EZ", "first"},
		"it was perhaps late":  {"PBESoBES", "12CZEZ", "?"},
		"and another in time":  {"PBESoBES PS", "12CZEZ 1Z", "first"},
		"all of them good":     {"PBESoBES", "12CZ12CZ", "other"},
		"skipped":              {"PBE oS", "12E Z", "first"},
		"an error is over":     {"PBES Q", "12EZ CZ", "none"},
		"an error before that": {"Q PBES", "EZ 12CZ", "first"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &Session{}
			s.Borrow()
			s.Attached(nil)
			answers := strings.Fields(test.server)
			for i, turn := range strings.Fields(test.client) {
				for _, kind := range []byte(turn) {
					b := map[byte][]byte{
						'n': message('P', "name\x00select 1\x00\x00\x00"), 'o': other, 'l': long, 'c': message('C', "S\x00"),
					}[kind]
					if b == nil {
						b = clientMessage(kind)
					}
					if step, err := s.FromClient(b); err != nil || step.Forward != len(b) {
						t.Fatalf("client's %c: %+v, %v", kind, step, err)
					}
				}
				for _, kind := range []byte(answers[i]) {
					b := serverMessage(kind)
					if step, err := s.FromServer(b); err != nil || step.Forward != len(b) {
						t.Fatalf("server's %c: %+v, %v", kind, step, err)
					}
				}
			}
			got, part := "none", s.Part()
			switch {
			case part.Pins()&PinStatement != 0:
				got = "?"
			case string(part.Unnamed) == string(clientMessage('P')):
				got = "first"
			case string(part.Unnamed) == string(other):
				got = "other"
			case part.Unnamed != nil:
				got = string(part.Unnamed)
			}
			if got != test.want {
				t.Errorf("the unnamed statement is %s, want %s", got, test.want)
			}
		})
	}
}

// What the server answers to the question becomes what another one is given.
func TestKeepsake(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	row := func(kind, name, value string) []*string { return []*string{text(kind), text(name), text(value)} }
	for name, test := range map[string]struct {
		rows     [][]*string
		pins     Pins
		settings map[string]string
	}{
		"nothing":        {nil, 0, map[string]string{}},
		"a setting":      {[][]*string{row("set", "TimeZone", "UTC"), row("told", "TimeZone", "UTC")}, 0, map[string]string{"TimeZone": "UTC"}},
		"no such custom": {[][]*string{{text("set"), text("my.own"), nil}}, 0, map[string]string{}},
		"pins":           {[][]*string{{text("pin"), text("listen"), nil}, {text("pin"), text("role"), nil}}, PinListen | PinRole, map[string]string{}},
		"unheard of":     {[][]*string{{text("pin"), text("x"), nil}}, PinUnconfirmed, map[string]string{}},
		"too short":      {[][]*string{{text("pin")}}, PinUnconfirmed, map[string]string{}},
		"a transaction's": {[][]*string{row("set", "transaction_isolation", "serializable")}, PinSetting,
			map[string]string{}},
		"encoded": {[][]*string{row("set", "client_encoding", "LATIN1"), row("set", "my.own", "\xe4")}, PinSetting,
			map[string]string{"client_encoding": "LATIN1", "my.own": "\xe4"}},
		"encoded, plain": {[][]*string{row("set", "client_encoding", "LATIN1"), row("set", "my.own", "a")}, 0,
			map[string]string{"client_encoding": "LATIN1", "my.own": "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keepsake, pins := Parting{}.Keepsake(test.rows)
			if pins != test.pins || !maps.Equal(keepsake.Settings.Map(), test.settings) {
				t.Errorf("got %v and pins %v, want %v and %v", keepsake.Settings.Map(), pins, test.settings, test.pins)
			}
		})
	}
}
