package auth

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Iterations is how often a new verifier hashes the password: PostgreSQL's
// default of scram_iterations, and the least that RFC 7677 allows.
const Iterations = 4096

const (
	newSalt = 16   // bytes of salt in a new verifier, as in PostgreSQL
	maxSalt = 1024 // the most that is taken from anybody
	keySize = sha256.Size
)

// Verifier is what a server must know to check a SCRAM-SHA-256 proof: the
// rolpassword of a role. It does not tell the password, but whoever has it can
// guess at leisure and can pose as the server; so fmt and slog show none of it,
// only String does. A zero Verifier matches nothing.
type Verifier struct {
	// Iterations and Salt are told to everybody who tries to log in.
	Iterations int
	Salt       []byte
	// StoredKey is the hash of the ClientKey that a client must prove to have,
	// ServerKey what the server proves to have. 32 bytes each.
	StoredKey []byte
	ServerKey []byte
}

// NewVerifier makes a verifier for password with a fresh salt, as PostgreSQL
// makes one for CREATE ROLE … PASSWORD.
func NewVerifier(password string) Verifier {
	salt := make([]byte, newSalt)
	rand.Read(salt) // never fails
	return derive(password, salt, Iterations)
}

// NewPassword makes a random password: 26 letters and digits that need no
// quoting anywhere, 128 bits or more.
func NewPassword() string { return rand.Text() }

// Matches reports whether v was made from password. It hashes Iterations times:
// a millisecond or so.
func (v Verifier) Matches(password string) bool {
	if !v.complete() {
		return false
	}
	return hmac.Equal(derive(password, v.Salt, v.Iterations).StoredKey, v.StoredKey)
}

// complete reports whether v can match anything.
func (v Verifier) complete() bool {
	return v.Iterations > 0 && len(v.Salt) > 0 && len(v.StoredKey) == keySize && len(v.ServerKey) == keySize
}

// derive is the key derivation of RFC 5802, section 3.
func derive(password string, salt []byte, iterations int) Verifier {
	salted, err := pbkdf2.Key(sha256.New, prepare(password), salt, iterations, keySize)
	if err != nil { // only for sizes that no verifier has
		panic(err)
	}
	clientKey := mac(salted, "Client Key")
	storedKey := sha256.Sum256(clientKey)
	return Verifier{
		Iterations: iterations,
		Salt:       salt,
		StoredKey:  storedKey[:],
		ServerKey:  mac(salted, "Server Key"),
	}
}

func mac(key []byte, message string) []byte {
	h := hmac.New(sha256.New, key)
	io.WriteString(h, message)
	return h.Sum(nil)
}

const verifierPrefix = "SCRAM-SHA-256$"

// ParseVerifier reads the form that pg_authid has,
// SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>. Its errors repeat
// nothing of s.
func ParseVerifier(s string) (Verifier, error) {
	rest, ok := strings.CutPrefix(s, verifierPrefix)
	if !ok {
		return Verifier{}, errors.New("parse verifier: not SCRAM-SHA-256")
	}
	hashing, keys, _ := strings.Cut(rest, "$")
	iterations, salt, _ := strings.Cut(hashing, ":")
	stored, server, _ := strings.Cut(keys, ":")
	var v Verifier
	if v.Iterations, ok = parseIterations(iterations); !ok {
		return Verifier{}, errors.New("parse verifier: bad number of iterations")
	}
	if v.Salt, ok = parseBase64(salt); !ok || len(v.Salt) == 0 || len(v.Salt) > maxSalt {
		return Verifier{}, errors.New("parse verifier: bad salt")
	}
	if v.StoredKey, ok = parseBase64(stored); !ok || len(v.StoredKey) != keySize {
		return Verifier{}, errors.New("parse verifier: bad StoredKey")
	}
	if v.ServerKey, ok = parseBase64(server); !ok || len(v.ServerKey) != keySize {
		return Verifier{}, errors.New("parse verifier: bad ServerKey")
	}
	return v, nil
}

// String returns v in the form that ParseVerifier reads, secrets and all: for
// the catalog and for CREATE ROLE, not for people. Call it by name: fmt does not
// (see Format).
func (v Verifier) String() string {
	return fmt.Sprintf("%s%d:%s$%s:%s", verifierPrefix, v.Iterations,
		base64Encoding.EncodeToString(v.Salt),
		base64Encoding.EncodeToString(v.StoredKey),
		base64Encoding.EncodeToString(v.ServerKey))
}

// hidden stands for a secret. Where it gets into SQL in place of a verifier, the
// quotes make that fail instead of setting a password that everybody can read.
const hidden = "'hidden'"

// Format keeps v out of everything that package fmt writes, by %s as well.
func (v Verifier) Format(f fmt.State, _ rune) { io.WriteString(f, verifierPrefix+hidden) }

// LogValue keeps v out of logs.
func (v Verifier) LogValue() slog.Value { return slog.StringValue(verifierPrefix + hidden) }
