package auth

import (
	"errors"
	"strings"
	"testing"

	"postern/proxy/wire"
)

func rfcKeys(t testing.TB) LoginKeys {
	t.Helper()
	return LoginKeys{ClientKey: clientKeyOf(rfcPassword, rfcVerifier(t)), Verifier: rfcVerifier(t)}
}

// The mechanism is picked by its name, wherever it stands.
// Promises: B37.
func TestB37ClientPicksByName(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		offered []string
		ok      bool
	}{
		{[]string{ScramSHA256}, true},
		{[]string{ScramSHA256Plus, ScramSHA256}, true},
		{[]string{"OAUTHBEARER", ScramSHA256}, true},
		{[]string{ScramSHA256Plus}, false},
		{[]string{"scram-sha-256"}, false},
		{nil, false},
	} {
		mechanism, msg, err := NewClient(rfcKeys(t)).ClientFirst(test.offered)
		if (err == nil) != test.ok || (err == nil && (mechanism != ScramSHA256 || !strings.HasPrefix(string(msg), "n,,n=,r="))) {
			t.Errorf("%v: %q %q, %v", test.offered, mechanism, msg, err)
		}
	}
}

// Nothing of the server's is taken unbounded.
// NONCE stands for the client's nonce.
var challenges = []struct {
	name, msg string
	ok        bool
}{
	{"ordinary", "r=NONCExyz,s=" + rfcSalt + ",i=4096", true},
	{"with extensions", "r=NONCExyz,s=" + rfcSalt + ",i=4096,x=1,y=", true},
	{"longest nonce", "r=NONCE" + strings.Repeat("x", maxNonce-24) + ",s=" + rfcSalt + ",i=4096", true},
	{"empty", "", false},
	{"error", "e=other-error", false},
	{"mandatory extension", "m=x,r=NONCExyz,s=" + rfcSalt + ",i=4096", false},
	{"no nonce", "s=" + rfcSalt + ",i=4096", false},
	{"no salt", "r=NONCExyz,i=4096", false},
	{"no iterations", "r=NONCExyz,s=" + rfcSalt, false},
	{"our nonce alone", "r=NONCE,s=" + rfcSalt + ",i=4096", false},
	{"another nonce", "r=xyz,s=" + rfcSalt + ",i=4096", false},
	{"ours behind", "r=xyzNONCE,s=" + rfcSalt + ",i=4096", false},
	{"control character", "r=NONCE\x01,s=" + rfcSalt + ",i=4096", false},
	{"long nonce", "r=NONCE" + strings.Repeat("x", maxNonce) + ",s=" + rfcSalt + ",i=4096", false},
	{"endless nonce", "r=NONCE" + strings.Repeat("x", 1<<20) + ",s=" + rfcSalt + ",i=4096", false},
	{"endless salt", "r=NONCExyz,s=" + strings.Repeat("AAAA", 1<<18) + ",i=4096", false},
	{"salt not in base64", "r=NONCExyz,s=*,i=4096", false},
	{"negative iterations", "r=NONCExyz,s=" + rfcSalt + ",i=-4096", false},
	{"iterations that overflow", "r=NONCExyz,s=" + rfcSalt + ",i=99999999999999999999", false},
	{"odd behind", "r=NONCExyz,s=" + rfcSalt + ",i=4096,\x00", false},
}

// Promises: B35, CVE-2026-6665.
func TestB35ClientFinal(t *testing.T) {
	t.Parallel()
	for _, test := range challenges {
		c := NewClient(rfcKeys(t))
		final, err := c.ClientFinal([]byte(strings.ReplaceAll(test.msg, "NONCE", c.nonce)))
		if (err == nil) != test.ok || (err != nil && final != nil) || errors.Is(err, ErrOtherVerifier) {
			t.Errorf("%s: %q, %v", test.name, final, err)
		}
		var e *wire.Error
		if errors.As(err, &e) {
			t.Errorf("%s: error %v would be sent to the client", test.name, err)
		}
	}
}

// Keys fit one verifier only, and prove nothing to another.
// Promises: B36.
func TestB36OtherVerifier(t *testing.T) {
	t.Parallel()
	for _, parameters := range []string{
		",s=" + rfcSalt + ",i=4097",
		",s=" + rfcSalt + ",i=1",
		",s=" + rfcSalt + ",i=2147483647",
		",s=" + saltText + ",i=4096",
		",s=,i=4096",
	} {
		c := NewClient(rfcKeys(t))
		final, err := c.ClientFinal([]byte("r=" + c.nonce + "xyz" + parameters))
		if !errors.Is(err, ErrOtherVerifier) || final != nil {
			t.Errorf("%s: %q, %v", parameters, final, err)
		}
	}
	// A new password with the old salt: the server says no.
	other := derive("other", rfcVerifier(t).Salt, 4096)
	if err := exchange(NewServer(ServerConfig{Verifier: other}), NewClient(rfcKeys(t))); !errors.Is(err, ErrWrongPassword) {
		t.Error(err)
	}
	for _, key := range [][]byte{nil, make([]byte, 31), make([]byte, 33)} {
		c := NewClient(LoginKeys{ClientKey: key, Verifier: rfcVerifier(t)})
		if _, err := c.ClientFinal([]byte("r=" + c.nonce + "xyz,s=" + rfcSalt + ",i=4096")); err == nil {
			t.Errorf("a key of %d bytes", len(key))
		}
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	// A server that knows the StoredKey, but not the ServerKey, is an impostor.
	impostor := rfcVerifier(t)
	impostor.ServerKey = make([]byte, keySize)
	if err := exchange(NewServer(ServerConfig{Verifier: impostor}), NewClient(rfcKeys(t))); err == nil {
		t.Error("an impostor was believed")
	}
	for _, outcome := range []string{
		"", "v=", "v=AAAA", "v=*", "v=" + zeroProof, "x=1", "e=invalid-proof", "e=" + strings.Repeat("\n\xff", 1000),
		"v=" + strings.Repeat("AAAA", 1<<18), rfcServerFinal, rfcServerFinal + ",\x00",
	} {
		c := NewClient(rfcKeys(t))
		if _, err := c.ClientFinal([]byte("r=" + c.nonce + "xyz,s=" + rfcSalt + ",i=4096")); err != nil {
			t.Fatal(err)
		}
		if err := c.Verify([]byte(outcome)); err == nil || len(err.Error()) > 300 || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "\xff") {
			t.Errorf("%.40q: %v", outcome, err)
		}
	}
	// The message that a client which has asked nothing would expect.
	c := NewClient(rfcKeys(t))
	if err := c.Verify([]byte("v=" + base64Encoding.EncodeToString(mac(c.keys.Verifier.ServerKey, "")))); err == nil {
		t.Error("Verify before ClientFinal")
	}
}

func FuzzClientChallenge(f *testing.F) {
	for _, test := range challenges {
		if len(test.msg) < 10000 {
			f.Add(test.msg, rfcServerFinal)
		}
	}
	f.Add("", "e=other-error")
	keys := rfcKeys(f)
	f.Fuzz(func(t *testing.T, challenge, outcome string) {
		c := NewClient(keys)
		final, err := c.ClientFinal([]byte(strings.ReplaceAll(challenge, "NONCE", c.nonce)))
		if (err == nil) == (final == nil) || len(final) > 1000 {
			t.Fatalf("%d bytes, %v", len(final), err)
		}
		if c.Verify([]byte(outcome)) == nil {
			t.Fatalf("%q was believed", outcome)
		}
	})
}
