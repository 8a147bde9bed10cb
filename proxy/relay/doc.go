// Package relay knows what the messages of a conversation mean. A Session is a
// pure state machine: it is shown the bytes that came from the client and from
// the server and answers what to forward, what to answer itself, when a server
// connection is needed and when it is free again. It has no sockets, clocks,
// goroutines or buffers, so it can be fuzzed and replayed from transcripts.
//
// It forwards whole buffers: message heads are looked at where they lie in the
// caller's read buffer, and only Query and Parse, ReadyForQuery and
// ErrorResponse are looked into, never more than peekLimit bytes of one. What a
// caller does with the steps is package engine's matter.
//
//	var session relay.Session
//	for len(b) > 0 {
//		step, err := session.FromClient(b)
//		server.Write(b[:step.Forward]) // and so on: see Step
//		b = b[step.Forward+step.Drop:]
//	}
package relay
