package auth

// Mock returns the verifier to run an exchange with when there is none, because
// the tenant or the role is unknown, or the role has no password, is expired or
// must not log in. Nothing matches it, and the exchange looks like that of a
// wrong password: the same salt for the same name each time, the usual
// iterations, the same work, the same error. (PostgreSQL: "mock authentication")
//
// The secret must not be known outside and should be the same on every proxy of
// a fleet. The name is the tenant and the role, so joined that no two pairs give
// the same name.
func Mock(secret []byte, name string) Verifier {
	return Verifier{
		Iterations: Iterations,
		Salt:       mac(secret, "salt "+name)[:newSalt],
		// To match this, one would have to find what hashes to it.
		StoredKey: mac(secret, "StoredKey "+name),
		ServerKey: mac(secret, "ServerKey "+name),
	}
}
