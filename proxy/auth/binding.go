package auth

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
)

// EndPointBinding returns the tls-server-end-point channel binding of a
// server's certificate (RFC 5929, section 4.1): its hash by the algorithm it is
// signed with, or by SHA-256 if that is MD5 or SHA-1. It is nil for a nil
// certificate and where the algorithm has no hash of its own (Ed25519); then
// SCRAM-SHA-256-PLUS cannot be offered.
func EndPointBinding(certificate *x509.Certificate) []byte {
	if certificate == nil {
		return nil
	}
	switch certificate.SignatureAlgorithm {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1,
		x509.SHA256WithRSA, x509.SHA256WithRSAPSS, x509.ECDSAWithSHA256, x509.DSAWithSHA256:
		sum := sha256.Sum256(certificate.Raw)
		return sum[:]
	case x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384:
		sum := sha512.Sum384(certificate.Raw)
		return sum[:]
	case x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512:
		sum := sha512.Sum512(certificate.Raw)
		return sum[:]
	}
	return nil
}
