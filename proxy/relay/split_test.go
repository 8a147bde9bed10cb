package relay

import (
	"slices"
	"strings"
	"testing"
)

// splitConversations are what the client sends and what the server answers.
var splitConversations = []struct {
	name           string
	client, server func() []byte
}{
	{"batches", func() []byte { return messages("PBDESQPBES") }, func() []byte { return serverMessages("12TDCZTDCZ12E") }},
	{"COPY", func() []byte { return messages("QddcQ") }, func() []byte { return serverMessages("GCZSNACZ") }},
	{"changes", func() []byte {
		return slices.Concat(queryMessage("alter role r"), parseMessage("name", "drop role r"), bindMessage("portal", "name"), messages("ES"))
	}, func() []byte { return serverMessages("CZ12CZ") }},
	{"long heads", func() []byte {
		return slices.Concat(parseMessage("s", strings.Repeat("-", peekLimit+100)), bindMessage("", "s"), messages("ESX"))
	}, func() []byte {
		return slices.Concat(serverMessages("12"), message('E', "M"+strings.Repeat("x", peekLimit)+"\x00VERROR\x00\x00"), serverMessages("Z"))
	}},
	{"an end", func() []byte { return messages("PBESX") }, func() []byte { return serverMessages("NS!") }},
}

func serverMessages(kinds string) []byte {
	var b []byte
	for _, kind := range []byte(kinds) {
		b = append(b, serverMessage(kind)...)
	}
	return b
}

// Wherever the reads end, the same comes of it.
// Promises: A6.
func TestA6SplitAnywhere(t *testing.T) {
	t.Parallel()
	type outcome struct {
		client, server flow
		session        [5]bool
		effects        Effects
	}
	play := func(t *testing.T, attach bool, client, server [][]byte) outcome {
		s := &Session{}
		c := &flow{t: t, from: s.FromClient, pause: func(p Pause) {
			if attach {
				s.Attached(nil)
			} else {
				s.Refuse(refusal)
			}
		}}
		for _, b := range client {
			c.read(b)
		}
		var effects Effects
		f := &flow{t: t, from: s.FromServer, pause: func(Pause) { effects |= s.Effects() }}
		if attach {
			for _, b := range server {
				f.read(b)
			}
		}
		return outcome{*c, *f, [5]bool{s.Idle(), s.Waiting(), s.Boundary(), s.Fatal(), s.Terminated()}, effects}
	}
	for _, conversation := range splitConversations {
		for _, attach := range []bool{true, false} {
			name := conversation.name + map[bool]string{true: ", with a server", false: ", refused"}[attach]
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				client, server := conversation.client(), conversation.server()
				whole := play(t, attach, [][]byte{client}, [][]byte{server})
				check := func(how string, got outcome) {
					t.Helper()
					if !got.client.same(&whole.client) || !got.server.same(&whole.server) || got.session != whole.session || got.effects != whole.effects {
						t.Fatalf("%s: %+v, want %+v", how, got, whole)
					}
				}
				for at := range client {
					check("client's bytes split", play(t, attach, [][]byte{client[:at], client[at:]}, [][]byte{server}))
				}
				for at := range server {
					check("server's bytes split", play(t, attach, [][]byte{client}, [][]byte{server[:at], server[at:]}))
				}
				check("byte by byte", play(t, attach, slices.Collect(slices.Chunk(client, 1)), slices.Collect(slices.Chunk(server, 1))))
			})
		}
	}
}
