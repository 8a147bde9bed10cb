package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
)

// clientKeyOf and proofOf are a client that knows the password, written once
// more for the tests.
func clientKeyOf(password string, v Verifier) []byte {
	salted, err := pbkdf2.Key(sha256.New, password, v.Salt, v.Iterations, sha256.Size)
	if err != nil {
		panic(err)
	}
	h := hmac.New(sha256.New, salted)
	h.Write([]byte("Client Key"))
	return h.Sum(nil)
}

func proofOf(password string, v Verifier, message string) string {
	key := clientKeyOf(password, v)
	stored := sha256.Sum256(key)
	h := hmac.New(sha256.New, stored[:])
	h.Write([]byte(message))
	proof := h.Sum(nil)
	subtle.XORBytes(proof, proof, key)
	return base64.StdEncoding.EncodeToString(proof)
}

const (
	saltText = "c2FsdHNhbHRzYWx0c2FsdA=="
	keyText  = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="
)

func TestParseVerifier(t *testing.T) {
	t.Parallel()
	long := base64.StdEncoding.EncodeToString(make([]byte, maxSalt+1))
	for _, test := range []struct {
		name, text string
		ok         bool
	}{
		{"ordinary", "SCRAM-SHA-256$4096:" + saltText + "$" + keyText + ":" + keyText, true},
		{"one iteration", "SCRAM-SHA-256$1:" + saltText + "$" + keyText + ":" + keyText, true},
		{"most iterations", "SCRAM-SHA-256$2147483647:" + saltText + "$" + keyText + ":" + keyText, true},
		{"empty", "", false},
		{"prefix alone", "SCRAM-SHA-256$", false},
		{"MD5", "md5" + strings.Repeat("0", 32), false},
		{"other hash", "SCRAM-SHA-512$4096:" + saltText + "$" + keyText + ":" + keyText, false},
		{"password", "secret", false},
		{"no iterations", "SCRAM-SHA-256$:" + saltText + "$" + keyText + ":" + keyText, false},
		{"0 iterations", "SCRAM-SHA-256$0:" + saltText + "$" + keyText + ":" + keyText, false},
		{"negative iterations", "SCRAM-SHA-256$-1:" + saltText + "$" + keyText + ":" + keyText, false},
		{"signed iterations", "SCRAM-SHA-256$+1:" + saltText + "$" + keyText + ":" + keyText, false},
		{"2³¹ iterations", "SCRAM-SHA-256$2147483648:" + saltText + "$" + keyText + ":" + keyText, false},
		{"hexadecimal iterations", "SCRAM-SHA-256$0x10:" + saltText + "$" + keyText + ":" + keyText, false},
		{"no salt", "SCRAM-SHA-256$4096:$" + keyText + ":" + keyText, false},
		{"long salt", "SCRAM-SHA-256$4096:" + long + "$" + keyText + ":" + keyText, false},
		{"salt not in base64", "SCRAM-SHA-256$4096:*$" + keyText + ":" + keyText, false},
		{"line end in the salt", "SCRAM-SHA-256$4096:" + saltText + "\n$" + keyText + ":" + keyText, false},
		{"one key", "SCRAM-SHA-256$4096:" + saltText + "$" + keyText, false},
		{"short StoredKey", "SCRAM-SHA-256$4096:" + saltText + "$AAAA:" + keyText, false},
		{"short ServerKey", "SCRAM-SHA-256$4096:" + saltText + "$" + keyText + ":AAAA", false},
		{"something behind", "SCRAM-SHA-256$4096:" + saltText + "$" + keyText + ":" + keyText + ":x", false},
		{"loose bits", "SCRAM-SHA-256$4096:" + saltText + "$" + keyText + ":" + keyText[:42] + "J=", false},
	} {
		v, err := ParseVerifier(test.text)
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
		if err == nil && v.String() != test.text {
			t.Errorf("%s became %s", test.text, v.String())
		}
		if err != nil && (v.complete() || strings.Contains(err.Error(), saltText) || strings.Contains(err.Error(), keyText)) {
			t.Errorf("%s: error tells the verifier: %v", test.name, err)
		}
	}
}

func TestVerifierMatches(t *testing.T) {
	t.Parallel()
	v := NewVerifier("secret")
	again, err := ParseVerifier(v.String())
	if err != nil || v.Iterations != Iterations || len(v.Salt) != 16 {
		t.Fatalf("%d iterations, %d bytes of salt, %v", v.Iterations, len(v.Salt), err)
	}
	if !v.Matches("secret") || !again.Matches("secret") {
		t.Error("the password does not match")
	}
	if v.Matches("Secret") || v.Matches("") || (Verifier{}).Matches("") {
		t.Error("another password matches")
	}
	if bytes.Equal(v.Salt, NewVerifier("secret").Salt) {
		t.Error("the same salt twice")
	}
}

// What SASLprep makes of passwords; TestPasswordsAsPostgreSQL compares with the
// real thing.
func TestPrepare(t *testing.T) {
	t.Parallel()
	for password, want := range map[string]string{
		"plain":            "plain",
		"":                 "",
		"I\u00adX":         "IX", // soft hyphen
		"a\u00a0b":         "a b",
		"\u2168":           "IX", // Roman nine
		"\ufb01x":          "fix",
		"\u00ad":           "\u00ad", // nothing would be left
		"\ufb01\U0001f600": "\ufb01\U0001f600",
		"a\u0007":          "a\u0007",
		"\xff\xfe":         "\xff\xfe",
		"\u0627\u0031":     "\u0627\u0031", // mixed directions
	} {
		if got := prepare(password); got != want {
			t.Errorf("%+q became %+q, want %+q", password, got, want)
		}
	}
}

func TestNewPassword(t *testing.T) {
	t.Parallel()
	a, b := NewPassword(), NewPassword()
	if a == b || len(a) < 26 || url.QueryEscape(a) != a {
		t.Errorf("passwords like %d bytes", len(a))
	}
}

// DESIGN, house rules: no secret in logs or errors.
// Promises: B36.
func TestSecretsAreHidden(t *testing.T) {
	t.Parallel()
	v := Mock([]byte("secret"), "name")
	key := bytes.Repeat([]byte("k"), keySize)
	proof, keys := &Proof{ClientKey: key}, LoginKeys{ClientKey: key, Verifier: v}
	request := Request{User: "app", Verifier: v}

	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, strings.Repeat(verb+" ", 7)+"\n", v, &v, proof, *proof, keys, &keys, request)
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("login", "verifier", v, "pointer", &v, "proof", proof, "keys", keys)
	}
	for _, secret := range [][]byte{v.StoredKey, v.ServerKey, v.Salt, key} {
		for _, shown := range []string{
			string(secret), hex.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret)),
			base64.StdEncoding.EncodeToString(secret), strings.Trim(fmt.Sprint(secret), "[]"),
			strings.TrimSuffix(fmt.Sprintf("%#v", secret)[len("[]byte{"):], "}"),
		} {
			if strings.Contains(out.String(), shown) {
				t.Errorf("%.20q is shown", shown)
			}
		}
	}
}

// Promises: B30.
func TestMock(t *testing.T) {
	t.Parallel()
	secret := []byte("fleet secret")
	v := Mock(secret, "acme app")
	if v.String() != Mock(secret, "acme app").String() {
		t.Error("it changes")
	}
	if v.Iterations != Iterations || len(v.Salt) != newSalt || !v.complete() {
		t.Error("it does not look like a verifier")
	}
	for _, other := range []Verifier{Mock(secret, "acme other"), Mock([]byte("another"), "acme app")} {
		if bytes.Equal(v.Salt, other.Salt) || bytes.Equal(v.StoredKey, other.StoredKey) || bytes.Equal(v.ServerKey, other.ServerKey) {
			t.Error("it is the same for others")
		}
	}
	if v.Matches("") || v.Matches("acme app") {
		t.Error("it matches")
	}
}

func FuzzParseVerifier(f *testing.F) {
	f.Add("SCRAM-SHA-256$4096:" + saltText + "$" + keyText + ":" + keyText)
	f.Add("SCRAM-SHA-256$4096:$:")
	f.Add("md5")
	f.Fuzz(func(t *testing.T, s string) {
		v, err := ParseVerifier(s)
		if err == nil && v.complete() != true {
			t.Errorf("%q is incomplete", s)
		}
		if err == nil && v.String() != s {
			t.Errorf("%q became %q", s, v.String())
		}
	})
}
