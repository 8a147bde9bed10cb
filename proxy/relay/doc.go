// Package relay knows what the messages of a conversation mean. A Session is a
// pure state machine: it is shown the bytes that came from the client and from
// the server and answers what to forward, what to send instead, what to answer
// itself, when a server connection is needed and when it is free again. It has no
// sockets, clocks or goroutines, so it can be fuzzed and replayed from
// transcripts.
//
// In session mode everything goes through as it is. In transaction mode (see
// Session.Pool) the client has a server connection from NeedServer to Free, and
// what its session has beyond that follows it: prepared statements (prepared.go),
// settings (settings.go), and pins for the rest (pins.go, question.go). The relay
// does not model what a transaction leaves behind: it notices which statements
// may have left something (package statement) and has the server asked.
//
// It forwards whole buffers: message heads are looked at where they lie in the
// caller's read buffer, never more than peekLimit bytes of one. What a caller does
// with the steps is package engine's matter.
//
//	var session relay.Session
//	for len(b) > 0 {
//		step, err := session.FromClient(b)
//		server.Write(b[:step.Forward]) // and so on: see Step
//		b = b[step.Forward+step.Drop:]
//	}
package relay
