package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"postern/configs"
)

// How long what dev makes is valid. The certificate is made again when little of
// that is left; the authority is what users trust, so it lasts.
const (
	authorityLife   = 10 * 365 * 24 * time.Hour
	certificateLife = 397 * 24 * time.Hour
	renewBefore     = 30 * 24 * time.Hour
)

// devCertificate returns the wildcard certificate for *.db.localhost, made and
// signed by an authority of the data directory's own where there is none yet.
// <dataDir>/ca.crt is what clients trust.
func devCertificate(dataDir string, now time.Time) (configs.Certificate, error) {
	authorityFiles := configs.Certificate{Cert: filepath.Join(dataDir, "ca.crt"), Key: filepath.Join(dataDir, "ca.key")}
	files := configs.Certificate{Cert: filepath.Join(dataDir, "server.crt"), Key: filepath.Join(dataDir, "server.key")}
	authority, err := loadCertificate(authorityFiles, now)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errExpiring) {
		authority, err = makeCertificate(authorityFiles, nil, &x509.Certificate{
			Subject:               pkix.Name{CommonName: "Postern development CA"},
			NotAfter:              now.Add(authorityLife),
			IsCA:                  true,
			BasicConstraintsValid: true,
			KeyUsage:              x509.KeyUsageCertSign,
		}, now)
	}
	if err != nil {
		return files, fmt.Errorf("certificate authority: %w", err)
	}
	known, err := loadCertificate(files, now)
	if err == nil && known.Leaf.CheckSignatureFrom(authority.Leaf) == nil {
		return files, nil
	}
	_, err = makeCertificate(files, authority, &x509.Certificate{
		Subject:     pkix.Name{CommonName: "*." + devDomain},
		NotAfter:    now.Add(certificateLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"*." + devDomain, devDomain, "localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}, now)
	if err != nil {
		return files, fmt.Errorf("certificate: %w", err)
	}
	return files, nil
}

var errExpiring = errors.New("certificate expires soon")

func loadCertificate(files configs.Certificate, now time.Time) (*tls.Certificate, error) {
	c, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		return nil, err
	}
	if now.Add(renewBefore).After(c.Leaf.NotAfter) {
		return nil, errExpiring
	}
	return &c, nil
}

// makeCertificate makes a key and a certificate for it, signed by parent or by
// itself, and writes both.
func makeCertificate(files configs.Certificate, parent *tls.Certificate, template *x509.Certificate, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return nil, err
	}
	template.NotBefore = now.Add(-time.Hour) // clocks differ
	issuer, issuerKey := template, any(key)
	if parent != nil {
		issuer, issuerKey = parent.Leaf, parent.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, &key.PublicKey, issuerKey)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := writePEM(files.Key, "PRIVATE KEY", keyDER, 0o600); err != nil {
		return nil, err
	}
	if err := writePEM(files.Cert, "CERTIFICATE", der, 0o644); err != nil {
		return nil, err
	}
	return loadCertificate(files, now)
}

// writePEM replaces the file whole or not at all.
func writePEM(path, kind string, der []byte, mode fs.FileMode) error {
	part := path + ".new"
	if err := os.WriteFile(part, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
		return err
	}
	return os.Rename(part, path)
}
