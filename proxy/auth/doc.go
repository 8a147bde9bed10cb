// Package auth proves who somebody is by SCRAM-SHA-256 (RFC 5802 and 7677,
// PostgreSQL manual "SASL Authentication"): as the server towards a client,
// against the verifier that the catalog holds, and as the client towards a
// backend, with the key that the first proof has yielded. No password is known
// or stored anywhere.
//
// It does not look up tenants or roles, does not say AuthenticationOk, and
// counts no failures. Who is unknown, or may not log in, gets a Mock verifier:
// the same exchange, and the same error at its end.
//
//	proof, err := auth.Authenticate(conn, auth.Request{User: "app.acme", Verifier: v})
//	…
//	client := auth.NewClient(auth.LoginKeys{ClientKey: proof.ClientKey, Verifier: v})
//	mechanism, message, err := client.ClientFirst(mechanisms)
package auth
