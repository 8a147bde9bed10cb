package pgtest

import (
	"crypto"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// scramLogin is the client's side of one SCRAM-SHA-256 exchange (RFC 5802 and
// 7677). It is written for this kit alone, so that it cannot share an error
// with the product. Passwords are taken as they are, without SASLprep: tests
// that need it are tests of package auth.
type scramLogin struct {
	binding   []byte // channel binding data, nil for none
	firstBare string
	server    []byte // the signature that the server has to show
}

// bind makes the exchange carry tls-server-end-point (RFC 5929).
func (s *scramLogin) bind(certificate *x509.Certificate) error {
	hash := crypto.SHA256
	switch certificate.SignatureAlgorithm {
	case x509.SHA384WithRSA, x509.ECDSAWithSHA384, x509.SHA384WithRSAPSS:
		hash = crypto.SHA384
	case x509.SHA512WithRSA, x509.ECDSAWithSHA512, x509.SHA512WithRSAPSS:
		hash = crypto.SHA512
	case x509.PureEd25519:
		return errors.New("tls-server-end-point is not defined for Ed25519")
	}
	h := hash.New()
	h.Write(certificate.Raw)
	s.binding = h.Sum(nil)
	return nil
}

func (s *scramLogin) header() string {
	if s.binding != nil {
		return "p=tls-server-end-point,,"
	}
	return "n,,"
}

func (s *scramLogin) first() string {
	s.firstBare = "n=,r=" + rand.Text()
	return s.header() + s.firstBare
}

func (s *scramLogin) respond(serverFirst, password string) (string, error) {
	attributes := scramAttributes(serverFirst)
	nonce, iterations := attributes["r"], attributes["i"]
	_, ours, _ := strings.Cut(s.firstBare, "r=")
	if s.firstBare == "" || !strings.HasPrefix(nonce, ours) || len(nonce) == len(ours) {
		return "", fmt.Errorf("the server's nonce is not built on ours")
	}
	salt, err := base64.StdEncoding.DecodeString(attributes["s"])
	if err != nil {
		return "", fmt.Errorf("the server's salt: %w", err)
	}
	rounds, err := strconv.Atoi(iterations)
	if err != nil || rounds < 1 || rounds > 1<<20 {
		return "", fmt.Errorf("the server asks for %q iterations", iterations)
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, rounds, sha256.Size)
	if err != nil {
		return "", err
	}
	clientKey := sign(salted, "Client Key")
	storedKey := sha256.Sum256(clientKey)
	last := "c=" + base64.StdEncoding.EncodeToString(append([]byte(s.header()), s.binding...)) + ",r=" + nonce
	message := s.firstBare + "," + serverFirst + "," + last
	proof := make([]byte, sha256.Size)
	subtle.XORBytes(proof, clientKey, sign(storedKey[:], message))
	s.server = sign(sign(salted, "Server Key"), message)
	return last + ",p=" + base64.StdEncoding.EncodeToString(proof), nil
}

func (s *scramLogin) verify(serverFinal string) error {
	signature, err := base64.StdEncoding.DecodeString(scramAttributes(serverFinal)["v"])
	if err != nil || s.server == nil || !hmac.Equal(signature, s.server) {
		return errors.New("the server does not know the password either: its signature is wrong")
	}
	return nil
}

func sign(key []byte, message string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(message))
	return h.Sum(nil)
}

func scramAttributes(message string) map[string]string {
	attributes := map[string]string{}
	for part := range strings.SplitSeq(message, ",") {
		name, value, _ := strings.Cut(part, "=")
		attributes[name] = value
	}
	return attributes
}
