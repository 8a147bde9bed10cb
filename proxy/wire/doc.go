// Package wire is the Postgres protocol at the edge: the startup packet and
// what may come before it, message frames, SQLSTATEs, and the one error type
// that becomes an ErrorResponse.
//
// It knows how bytes are laid out, not what a conversation means (package
// relay) nor who somebody is (package auth). Messages are encoded and decoded
// with pgproto3, but never on the hot path: there only Header looks at them.
//
//	err := &wire.Error{Code: wire.InvalidPassword, Message: "…", Hint: "…"}
//	conn.Write(err.AppendFatal(nil))
package wire
