package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"math/big"
	"testing"
)

// Promises: B38.
func TestEndPointBinding(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		algorithm x509.SignatureAlgorithm
		key       crypto.Signer
		size      int
	}{
		{x509.SHA256WithRSA, rsaKey, sha256.Size},
		{x509.SHA384WithRSA, rsaKey, sha512.Size384},
		{x509.SHA512WithRSA, rsaKey, sha512.Size},
		{x509.SHA256WithRSAPSS, rsaKey, sha256.Size},
		{x509.SHA512WithRSAPSS, rsaKey, sha512.Size},
		{x509.ECDSAWithSHA256, ecKey, sha256.Size},
		{x509.ECDSAWithSHA384, ecKey, sha512.Size384},
		{x509.ECDSAWithSHA512, ecKey, sha512.Size},
		{x509.PureEd25519, edKey, 0},
	} {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), SignatureAlgorithm: test.algorithm}
		der, err := x509.CreateCertificate(rand.Reader, template, template, test.key.Public(), test.key)
		if err != nil {
			t.Fatal(err)
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		if got := EndPointBinding(certificate); len(got) != test.size {
			t.Errorf("%v: %d bytes", test.algorithm, len(got))
		}
	}
	// Go does not sign with these any more; RFC 5929 has them hashed by SHA-256.
	for _, algorithm := range []x509.SignatureAlgorithm{x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1} {
		if got := EndPointBinding(&x509.Certificate{SignatureAlgorithm: algorithm}); len(got) != sha256.Size {
			t.Errorf("%v: %d bytes", algorithm, len(got))
		}
	}
	if EndPointBinding(nil) != nil || EndPointBinding(&x509.Certificate{}) != nil {
		t.Error("a binding to nothing")
	}
}
