package main

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"os"

	"postern/proxy/auth"
)

// login is how the benchmark's role logs in: with the password where libpq does
// it, with the key made of it once where this program does.
type login struct {
	password string
	verifier auth.Verifier
	keys     auth.LoginKeys
}

// newLogin makes a password that is good for one run.
func newLogin() login {
	l := login{password: rand.Text()}
	l.verifier = auth.NewVerifier(l.password)
	salted, err := pbkdf2.Key(sha256.New, l.password, l.verifier.Salt, l.verifier.Iterations, sha256.Size)
	if err != nil {
		panic(err) // the arguments are those of every SCRAM-SHA-256
	}
	key := hmac.New(sha256.New, salted)
	key.Write([]byte("Client Key"))
	l.keys = auth.LoginKeys{ClientKey: key.Sum(nil), Verifier: l.verifier}
	return l
}

// environment is that of a libpq program.
func (l login) environment(encrypted bool) []string {
	mode := "disable"
	if encrypted {
		mode = "require"
	}
	return []string{
		"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "HOME=/nonexistent",
		"PGPASSWORD=" + l.password, "PGSSLMODE=" + mode, "PGGSSENCMODE=disable", "PGCHANNELBINDING=disable",
	}
}
