package relay

import (
	"testing"
)

// FuzzFromClient: a session takes any bytes of a client without a fault, gets on
// with them, and comes to the same however they are cut.
func FuzzFromClient(f *testing.F) {
	for _, kinds := range []string{"Q", "PBDECS", "QdcfQ", "FHX", "SSS", "PBEQS"} {
		f.Add(messages(kinds), uint16(7), true)
		f.Add(messages(kinds), uint16(3), false)
	}
	f.Add([]byte("Q\x00\x00\x00\x00"), uint16(1), true)
	f.Add(queryMessage("set a = 'b'"), uint16(20), true)
	f.Fuzz(func(t *testing.T, b []byte, cut uint16, attached bool) {
		play := func(parts ...[]byte) (*Session, *flow) {
			refuse := false
			s := &Session{}
			if attached {
				s.Attached(nil)
			}
			c := &flow{t: t, from: s.FromClient, pause: func(Pause) {
				if refuse = !refuse; refuse {
					s.Refuse(refusal)
				} else {
					s.Attached(nil)
				}
			}}
			for _, part := range parts {
				c.read(part)
			}
			return s, c
		}
		at := min(int(cut), len(b))
		whole, c := play(b)
		if len(c.pauses) > 0 && c.pauses[len(c.pauses)-1] == Goodbye {
			return // nobody reads on
		}
		split, d := play(b[:at], b[at:])
		if !c.same(d) || whole.Idle() != split.Idle() || whole.Effects() != split.Effects() {
			t.Errorf("whole %+v, split %+v", c, d)
		}
	})
}

// FuzzFromServer: the same of a server's bytes.
func FuzzFromServer(f *testing.F) {
	for _, kinds := range []string{"TDCZ", "12TDsZ", "GCZ", "HdcCZ", "EZ", "!", "NSA", "WdcCZ"} {
		f.Add(messages("PBESQdc"), serverMessages(kinds), uint16(9))
	}
	f.Add([]byte{}, []byte("Z\x00\x00\x00\x04"), uint16(1))
	f.Add(queryMessage("alter role r"), serverMessages("CZ"), uint16(3))
	f.Fuzz(func(t *testing.T, client, b []byte, cut uint16) {
		play := func(parts ...[]byte) (*Session, *flow) {
			s := &Session{}
			s.Attached(nil)
			s.FromClient(client)
			c := &flow{t: t, from: s.FromServer, pause: func(Pause) {}}
			for _, part := range parts {
				c.read(part)
			}
			return s, c
		}
		at := min(int(cut), len(b))
		whole, c := play(b)
		split, d := play(b[:at], b[at:])
		if !c.same(d) || whole.Idle() != split.Idle() || whole.Fatal() != split.Fatal() || whole.Boundary() != split.Boundary() {
			t.Errorf("whole %+v, split %+v", c, d)
		}
	})
}
