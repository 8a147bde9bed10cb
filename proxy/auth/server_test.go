package auth

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"postern/proxy/wire"
)

// The example of RFC 7677, section 3.
const (
	rfcPassword    = "pencil"
	rfcSalt        = "W22ZaJ0SNY7soEsUEjb6gQ=="
	rfcClientNonce = "rOprNGfwEbeRWgbNEkqO"
	rfcServerNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	rfcClientFirst = "n,,n=user,r=" + rfcClientNonce
	rfcServerFirst = "r=" + rfcClientNonce + rfcServerNonce + ",s=" + rfcSalt + ",i=4096"
	rfcClientFinal = "c=biws,r=" + rfcClientNonce + rfcServerNonce + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	rfcServerFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
)

func rfcVerifier(t testing.TB) Verifier {
	t.Helper()
	salt, err := base64.StdEncoding.DecodeString(rfcSalt)
	if err != nil {
		t.Fatal(err)
	}
	return derive(rfcPassword, salt, 4096)
}

// rfcServer is a server that takes the nonce of the example.
func rfcServer(t testing.TB) *Server {
	t.Helper()
	s := NewServer(ServerConfig{Verifier: rfcVerifier(t)})
	s.own = rfcServerNonce
	return s
}

func TestRFC7677(t *testing.T) {
	t.Parallel()
	s := rfcServer(t)
	if err := s.Choose(ScramSHA256); err != nil {
		t.Fatal(err)
	}
	challenge, err := s.First([]byte(rfcClientFirst))
	if err != nil || string(challenge) != rfcServerFirst {
		t.Fatalf("server-first-message %q, %v", challenge, err)
	}
	outcome, clientKey, err := s.Final([]byte(rfcClientFinal))
	if err != nil || string(outcome) != rfcServerFinal {
		t.Fatalf("server-final-message %q, %v", outcome, err)
	}
	// The key that it yields logs in at another server with the same verifier.
	if err := exchange(NewServer(ServerConfig{Verifier: rfcVerifier(t)}), NewClient(LoginKeys{clientKey, rfcVerifier(t)})); err != nil {
		t.Error(err)
	}
}

// exchange lets a server and a client talk.
func exchange(s *Server, c *Client) error {
	mechanism, first, err := c.ClientFirst(s.Mechanisms())
	if err != nil {
		return err
	}
	if err := s.Choose(mechanism); err != nil {
		return err
	}
	challenge, err := s.First(first)
	if err != nil {
		return err
	}
	final, err := c.ClientFinal(challenge)
	if err != nil {
		return err
	}
	outcome, _, err := s.Final(final)
	if err != nil {
		return err
	}
	return c.Verify(outcome)
}

func wantError(t *testing.T, err error, code, message string) {
	t.Helper()
	var e *wire.Error
	if !errors.As(err, &e) || e.Code != code || e.Message != message {
		t.Errorf("error %#v, want %s %q", err, code, message)
	}
}

// firstMessages are first messages of a client that are refused, all in
// PostgreSQL's words (TestErrorsArePostgreSQLs compares).
var firstMessages = []struct {
	name, msg     string
	plus          bool // SCRAM-SHA-256-PLUS is offered and chosen
	offered       bool // SCRAM-SHA-256-PLUS is offered
	code, message string
}{
	{"empty", "", false, false, "08P01", "malformed SCRAM message"},
	{"one comma", "n,", false, false, "08P01", "malformed SCRAM message"},
	{"flag alone", "n", false, false, "08P01", "malformed SCRAM message"},
	{"unknown flag", "x,,n=,r=abc", false, false, "08P01", "malformed SCRAM message"},
	{"long flag", "nn,,n=,r=abc", false, false, "08P01", "malformed SCRAM message"},
	{"NUL", "n,,n=\x00,r=abc", false, false, "08P01", "malformed SCRAM message"},
	{"NUL at the end", "n,,n=,r=abc\x00", false, false, "08P01", "malformed SCRAM message"},
	{"identity", "n,a=postgres,n=,r=abc", false, false, "0A000", "client uses authorization identity, but it is not supported"},
	{"odd identity", "n,b=x,n=,r=abc", false, false, "08P01", "malformed SCRAM message"},
	{"mandatory extension", "n,,m=x,n=,r=abc", false, false, "0A000", "client requires an unsupported SCRAM extension"},
	{"no user", "n,,r=abc", false, false, "08P01", "malformed SCRAM message"},
	{"no nonce", "n,,n=", false, false, "08P01", "malformed SCRAM message"},
	{"no value", "n,,n,r=abc", false, false, "08P01", "malformed SCRAM message"},
	{"extension before the nonce", "n,,n=,x=1,r=abc", false, false, "08P01", "malformed SCRAM message"},
	{"control character in the nonce", "n,,n=,r=a\tc", false, false, "08P01", "non-printable characters in SCRAM nonce"},
	{"space in the nonce", "n,,n=,r=a c", false, false, "08P01", "non-printable characters in SCRAM nonce"},
	{"8 bits in the nonce", "n,,n=,r=a\xffc", false, false, "08P01", "non-printable characters in SCRAM nonce"},
	{"odd extension", "n,,n=,r=abc,1=x", false, false, "08P01", "malformed SCRAM message"},
	{"extension without a value", "n,,n=,r=abc,x", false, false, "08P01", "malformed SCRAM message"},
	{"binding without PLUS", "p=tls-server-end-point,,n=,r=abc", false, true, "08P01", "malformed SCRAM message"},
	{"B37 downgrade", "y,,n=,r=abc", false, true, "28000", "SCRAM channel binding negotiation error"},
	{"PLUS with n", "n,,n=,r=abc", true, true, "08P01", "malformed SCRAM message"},
	{"PLUS with y", "y,,n=,r=abc", true, true, "08P01", "malformed SCRAM message"},
	{"other binding", "p=tls-unique,,n=,r=abc", true, true, "08P01", `unsupported SCRAM channel-binding type "tls-unique"`},
}

// Promises: CVE-2026-6664.
func TestServerFirstRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range firstMessages {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			config := ServerConfig{Verifier: rfcVerifier(t)}
			if test.offered {
				config.ChannelBinding = []byte("hash of the certificate")
			}
			s := NewServer(config)
			mechanism := ScramSHA256
			if test.plus {
				mechanism = ScramSHA256Plus
			}
			if err := s.Choose(mechanism); err != nil {
				t.Fatal(err)
			}
			challenge, err := s.First([]byte(test.msg))
			if challenge != nil {
				t.Errorf("challenge %q", challenge)
			}
			wantError(t, err, test.code, test.message)
		})
	}
}

// Whatever its length says, a message is
// bounded. PostgreSQL takes these; we need not.
// Promises: B35, CVE-2026-6664.
func TestB35NonceIsBounded(t *testing.T) {
	t.Parallel()
	for _, nonce := range []string{"", strings.Repeat("x", maxNonce+1), strings.Repeat("x", 60000)} {
		_, err := rfcServer(t).First([]byte("n,,n=,r=" + nonce))
		wantError(t, err, "08P01", "non-printable characters in SCRAM nonce")
	}
}

func TestServerFirstTakes(t *testing.T) {
	t.Parallel()
	for _, msg := range []string{
		"n,,n=,r=abc",
		"y,,n=,r=abc", // a client that could bind, a server that cannot
		"n,,n=anybody at all,r=abc",
		"n,,n=,r=abc,x=1,Y=,z=a=b",
		"n,,n=" + strings.Repeat("u", 60000) + ",r=" + strings.Repeat("x", maxNonce),
	} {
		if _, err := rfcServer(t).First([]byte(msg)); err != nil {
			t.Errorf("%.40q: %v", msg, err)
		}
	}
}

// finalMessages are final messages of a client that are refused after
// rfcClientFirst, in PostgreSQL's words. NONCE stands for the right nonce.
var finalMessages = []struct{ name, msg, code, message string }{
	{"empty", "", "08P01", "malformed SCRAM message"},
	{"no binding", "r=NONCE,p=" + zeroProof, "08P01", "malformed SCRAM message"},
	{"no nonce", "c=biws,p=" + zeroProof, "08P01", "malformed SCRAM message"},
	{"no proof", "c=biws,r=NONCE", "08P01", "malformed SCRAM message"},
	{"empty proof", "c=biws,r=NONCE,p=", "08P01", "malformed SCRAM message"},
	{"short proof", "c=biws,r=NONCE,p=AAAA", "08P01", "malformed SCRAM message"},
	{"long proof", "c=biws,r=NONCE,p=AAAA" + zeroProof, "08P01", "malformed SCRAM message"},
	{"proof not in base64", "c=biws,r=NONCE,p=!" + zeroProof[1:], "08P01", "malformed SCRAM message"},
	{"something behind the proof", "c=biws,r=NONCE,p=" + zeroProof + ",x=1", "08P01", "malformed SCRAM message"},
	{"two proofs", "c=biws,r=NONCE,p=" + zeroProof + ",p=" + zeroProof, "08P01", "malformed SCRAM message"},
	{"odd extension", "c=biws,r=NONCE,1=x,p=" + zeroProof, "08P01", "malformed SCRAM message"},
	{"other nonce", "c=biws,r=NONCEx,p=" + zeroProof, "08P01", "invalid SCRAM response"},
	{"nonce of the client alone", "c=biws,r=" + rfcClientNonce + ",p=" + zeroProof, "08P01", "invalid SCRAM response"},
	{"binding of another flag", "c=eSws,r=NONCE,p=" + zeroProof, "08P01", "unexpected SCRAM channel-binding attribute in client-final-message"},
	{"binding data", "c=cD10bHMtc2VydmVyLWVuZC1wb2ludCwsMQ==,r=NONCE,p=" + zeroProof, "08P01", "unexpected SCRAM channel-binding attribute in client-final-message"},
}

const zeroProof = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

func TestServerFinalRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range finalMessages {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := rfcServer(t)
			if _, err := s.First([]byte(rfcClientFirst)); err != nil {
				t.Fatal(err)
			}
			outcome, clientKey, err := s.Final([]byte(strings.ReplaceAll(test.msg, "NONCE", rfcClientNonce+rfcServerNonce)))
			if outcome != nil || clientKey != nil {
				t.Error("there is an outcome or a key")
			}
			wantError(t, err, test.code, test.message)
		})
	}
}

func TestWrongProof(t *testing.T) {
	t.Parallel()
	final := "c=biws,r=" + rfcClientNonce + rfcServerNonce + ",p="
	for _, test := range []struct {
		name     string
		verifier Verifier
		msg      string
	}{
		{"zero proof", rfcVerifier(t), final + zeroProof},
		{"an extension that the proof does not cover", rfcVerifier(t), strings.Replace(rfcClientFinal, ",p=", ",x=1,p=", 1)},
		{"other password", derive("other", rfcVerifier(t).Salt, 4096), rfcClientFinal},
		{"mock", Mock([]byte("secret"), "name"), rfcClientFinal},
		{"zero verifier", Verifier{}, final + zeroProof},
	} {
		s := NewServer(ServerConfig{Verifier: test.verifier})
		s.own = rfcServerNonce
		if _, err := s.First([]byte(rfcClientFirst)); err != nil {
			t.Fatal(err)
		}
		outcome, clientKey, err := s.Final([]byte(test.msg))
		if !errors.Is(err, ErrWrongPassword) || outcome != nil || clientKey != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// A proof is good for one exchange: it does not fit another nonce, nor a server
// that has not challenged.
func TestReplay(t *testing.T) {
	t.Parallel()
	s := NewServer(ServerConfig{Verifier: rfcVerifier(t)})
	_, _, err := s.Final([]byte("c=,r=,p=" + proofOf(rfcPassword, rfcVerifier(t), "c=,r=")))
	wantError(t, err, "08P01", "invalid SCRAM response")
	if _, err := s.First([]byte(rfcClientFirst)); err != nil {
		t.Fatal(err)
	}
	_, _, err = s.Final([]byte(rfcClientFinal))
	wantError(t, err, "08P01", "invalid SCRAM response")
}

// PLUS is offered first, and only where there is something to
// bind to; the binding is compared.
// Promises: B37, B38.
func TestB37ChannelBinding(t *testing.T) {
	t.Parallel()
	plain := NewServer(ServerConfig{Verifier: rfcVerifier(t)})
	if got := plain.Mechanisms(); !slices.Equal(got, []string{ScramSHA256}) {
		t.Errorf("in the clear: %v", got)
	}
	for _, mechanism := range []string{"", ScramSHA256Plus, "SCRAM-SHA-1", "PLAIN"} {
		wantError(t, plain.Choose(mechanism), "08P01", "client selected an invalid SASL authentication mechanism")
	}

	hash := []byte("hash of the certificate")
	for _, test := range []struct {
		name          string
		seen          []byte
		code, message string
	}{
		{"the same certificate", hash, "", ""},
		{"another certificate", []byte("somebody in between"), "28000", "SCRAM channel binding check failed"},
		{"none", nil, "28000", "SCRAM channel binding check failed"},
	} {
		s := NewServer(ServerConfig{Verifier: rfcVerifier(t), ChannelBinding: hash})
		if got := s.Mechanisms(); !slices.Equal(got, []string{ScramSHA256Plus, ScramSHA256}) {
			t.Errorf("in TLS: %v", got)
		}
		if err := s.Choose(ScramSHA256Plus); err != nil {
			t.Fatal(err)
		}
		header := "p=tls-server-end-point,,"
		challenge, err := s.First([]byte(header + "n=,r=abc"))
		if err != nil {
			t.Fatal(err)
		}
		nonce, _, _ := strings.Cut(string(challenge[2:]), ",")
		withoutProof := "c=" + base64.StdEncoding.EncodeToString(append([]byte(header), test.seen...)) + ",r=" + nonce
		message := "n=,r=abc," + string(challenge) + "," + withoutProof
		_, clientKey, err := s.Final([]byte(withoutProof + ",p=" + proofOf(rfcPassword, s.config.Verifier, message)))
		if test.code != "" {
			wantError(t, err, test.code, test.message)
			continue
		}
		if err != nil || !bytes.Equal(clientKey, clientKeyOf(rfcPassword, s.config.Verifier)) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func FuzzServerFirst(f *testing.F) {
	for _, test := range firstMessages {
		f.Add([]byte(test.msg), test.plus, test.offered)
	}
	f.Add([]byte(rfcClientFirst), false, false)
	f.Add([]byte("p=tls-server-end-point,,n=,r=abc,x=1"), true, true)
	v := rfcVerifier(f)
	f.Fuzz(func(t *testing.T, msg []byte, plus, offered bool) {
		config := ServerConfig{Verifier: v}
		if offered {
			config.ChannelBinding = []byte("hash")
		}
		s := NewServer(config)
		if plus && s.Choose(ScramSHA256Plus) != nil {
			return
		}
		challenge, err := s.First(msg)
		var e *wire.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("error %v", err)
		}
		if err != nil {
			return
		}
		if plus != bytes.HasPrefix(msg, []byte("p=tls-server-end-point,,")) {
			t.Errorf("taken with PLUS %t", plus)
		}
		if len(challenge) > 1000 {
			t.Errorf("%d bytes of challenge", len(challenge))
		}
	})
}

func FuzzServerFinal(f *testing.F) {
	for _, test := range finalMessages {
		f.Add([]byte(strings.ReplaceAll(test.msg, "NONCE", rfcClientNonce+rfcServerNonce)))
	}
	f.Add([]byte(rfcClientFinal))
	first := rfcServer(f)
	if _, err := first.First([]byte(rfcClientFirst)); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		s := *first
		outcome, clientKey, err := s.Final(msg)
		var e *wire.Error
		switch {
		case err == nil && string(msg) != rfcClientFinal:
			t.Fatalf("%q was taken", msg)
		case err == nil && (len(clientKey) != keySize || string(outcome) != rfcServerFinal):
			t.Fatalf("outcome %q", outcome)
		case err != nil && err != ErrWrongPassword && !errors.As(err, &e):
			t.Fatalf("error %v", err)
		}
	})
}
