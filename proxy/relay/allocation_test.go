package relay

import (
	"bytes"
	"testing"
)

// exchanges are what a client and a server say to each other over and over.
var exchanges = []struct {
	name           string
	client, server []byte
}{
	{"simple query", queryMessage("select abalance from pgbench_accounts where aid = 4711;"), serverMessages("TDCZ")},
	{"transaction", bytes.Join([][]byte{queryMessage("begin"), queryMessage("update t set a = 'x' where b = 2"), queryMessage("commit")}, nil), serverMessages("CZCZCZ")},
	{"unnamed statement", bytes.Join([][]byte{parseMessage("", "select $1::int"), messages("BDES")}, nil), serverMessages("12TDCZ")},
	{"prepared statement", messages("BDES"), serverMessages("2TDCZ")},
	{"pipeline", bytes.Repeat(messages("BES"), 20), bytes.Repeat(serverMessages("2DCZ"), 20)},
	{"rows", queryMessage("select 1"), append(bytes.Repeat(message('D', "\x00\x01\x00\x00\x00\x0812345678"), 1000), serverMessages("CZ")...)},
	{"COPY in", bytes.Join([][]byte{messages("Q"), bytes.Repeat(messages("d"), 1000), messages("c")}, nil), serverMessages("GCZ")},
	{"error", messages("PBES"), serverMessages("EZ")},
	{"function call", messages("F"), serverMessages("VZ")},
}

// exchange shows a session, which is idle, one exchange.
func exchange(t testing.TB, s *Session, client, server []byte) {
	if step, err := s.FromClient(client); err != nil || step.Forward != len(client) {
		t.Fatalf("client: %+v, %v", step, err)
	}
	if step, err := s.FromServer(server); err != nil || step.Forward != len(server) {
		t.Fatalf("server: %+v, %v", step, err)
	}
}

// Not parallel: allocations of others would be counted.
// Promises: G119.
func TestForwardingDoesNotAllocate(t *testing.T) {
	for _, e := range exchanges {
		s := &Session{}
		s.Attached(nil)
		exchange(t, s, e.client, e.server) // once to grow what must grow
		exchange(t, s, e.client, e.server)
		if n := testing.AllocsPerRun(100, func() { exchange(t, s, e.client, e.server) }); n > 0 {
			t.Errorf("%s: %v allocations", e.name, n)
		}
		if !s.Idle() {
			t.Errorf("%s: not idle at the end", e.name)
		}
	}
}

func BenchmarkFromClient(b *testing.B) {
	for _, e := range exchanges {
		b.Run(e.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(e.client)))
			s := &Session{}
			s.Attached(nil)
			for b.Loop() {
				if _, err := s.FromClient(e.client); err != nil {
					b.Fatal(err)
				}
				s.pending = pending{units: units{all: s.pending.units.all[:0]}} // as if it were answered
			}
		})
	}
}

func BenchmarkFromServer(b *testing.B) {
	for _, e := range exchanges {
		b.Run(e.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(e.server)))
			s := &Session{}
			s.Attached(nil)
			for b.Loop() {
				if _, err := s.FromServer(e.server); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
