package main

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"fmt"
	"slices"

	"postern/configs"
)

// clientTLS returns what is offered to clients, nil for nothing.
func clientTLS(config configs.TLS) (*tls.Config, error) {
	if config.Mode == "off" {
		return nil, nil
	}
	result := &tls.Config{MinVersion: tls.VersionTLS12}
	if config.MinVersion == "1.3" {
		result.MinVersion = tls.VersionTLS13
	}
	for i, c := range config.Certificates {
		certificate, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, &exitError{code: exitUsage, err: fmt.Errorf("tls.certificates[%d]: %w", i, err)}
		}
		result.Certificates = append(result.Certificates, certificate)
	}
	if len(result.Certificates) == 0 {
		if config.Mode == "require" {
			return nil, usageErrorf("tls.mode is \"require\", but tls.certificates is empty")
		}
		return nil, nil
	}
	return result, nil
}

// sameTLS reports whether two configurations of clientTLS offer the same.
func sameTLS(a, b *tls.Config) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.MinVersion == b.MinVersion && slices.EqualFunc(a.Certificates, b.Certificates, sameCertificate)
}

func sameCertificate(a, b tls.Certificate) bool {
	key, ok := a.PrivateKey.(interface{ Equal(crypto.PrivateKey) bool })
	return ok && key.Equal(b.PrivateKey) && slices.EqualFunc(a.Certificate, b.Certificate, bytes.Equal)
}
