package auth

import (
	"crypto/rand"
	"encoding/base64"
	"strconv"
	"strings"
)

// SCRAM messages are attributes "x=value" with commas between them (RFC 5802,
// section 5.1).

// maxNonce bounds a nonce, in bytes. PostgreSQL and libpq add 24 each.
const maxNonce = 512

// newNonce makes our half of the nonce, of the size that PostgreSQL's has.
func newNonce() string {
	var b [18]byte
	rand.Read(b[:]) // never fails
	return base64.StdEncoding.EncodeToString(b[:])
}

// validNonce reports whether s may be a nonce: printable ASCII without commas,
// neither empty nor endless.
func validNonce(s string) bool {
	if s == "" || len(s) > maxNonce {
		return false
	}
	for _, c := range []byte(s) {
		if c < 0x21 || c > 0x7e || c == ',' {
			return false
		}
	}
	return true
}

// cutAttribute takes the attribute with this name from the front of s. The rest
// is what follows the comma.
func cutAttribute(s string, name byte) (value, rest string, ok bool) {
	if len(s) < 2 || s[0] != name || s[1] != '=' {
		return "", "", false
	}
	value, rest, _ = strings.Cut(s[2:], ",")
	return value, rest, true
}

// validExtensions reports whether s is a list of attributes, perhaps empty.
// What they say, nobody has to understand.
func validExtensions(s string) bool {
	for ok := true; s != ""; {
		letter := s[0] | 0x20
		if _, s, ok = cutAttribute(s, s[0]); !ok || letter < 'a' || letter > 'z' {
			return false
		}
	}
	return true
}

// parseIterations reads a count from 1 to 2³¹-1, in digits alone.
func parseIterations(s string) (int, bool) {
	if s == "" || s[0] < '1' || s[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 32)
	return int(n), err == nil
}

var base64Encoding = base64.StdEncoding.Strict()

// parseBase64 is strict: encoding/base64 alone would skip line ends.
func parseBase64(s string) ([]byte, bool) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, false
	}
	b, err := base64Encoding.DecodeString(s)
	return b, err == nil
}
