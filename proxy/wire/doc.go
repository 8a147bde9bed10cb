// Package wire is the Postgres protocol at the edge: the startup packet and
// what may come before it, message frames, SQLSTATEs, and the one error type
// that becomes an ErrorResponse.
//
// It knows how bytes are laid out, not what a conversation means (package
// relay) nor who somebody is (package auth). Messages are encoded and decoded
// with pgproto3, but never on the hot path: there only Header looks at them.
//
//	opening, err := wire.Negotiate(conn, wire.NegotiateOptions{TLS: config})
//	var e *wire.Error
//	if errors.As(err, &e) {
//		opening.Conn.Write(e.AppendFatal(nil))
//	}
package wire
