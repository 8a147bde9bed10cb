package static

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"postern/catalog"
	"postern/wake"
)

// defaultPort is PostgreSQL's.
const defaultPort = 5432

// Config is what a Driver needs.
type Config struct {
	// DialTimeout bounds the look whether anything listens; 0 means 5 s.
	DialTimeout time.Duration
}

// Driver leads to backends that are simply there. The zero value works.
type Driver struct{ config Config }

var _ wake.Driver = (*Driver)(nil)

// New returns a Driver.
func New(config Config) *Driver { return &Driver{config} }

// Capabilities says that this driver does nothing to instances.
func (d *Driver) Capabilities() wake.Capabilities { return wake.Capabilities{} }

// Provision has nothing to make; it checks the address.
func (d *Driver) Provision(_ context.Context, t *catalog.Tenant) error {
	_, err := endpoint(t.Backend)
	return err
}

// Wake returns where the backend is, if something listens there. Whether it
// answers queries is found out by whoever logs in.
func (d *Driver) Wake(ctx context.Context, t *catalog.Tenant) (wake.Endpoint, error) {
	e, err := endpoint(t.Backend)
	if err != nil {
		return wake.Endpoint{}, err
	}
	if err := d.dial(ctx, e); err != nil {
		return wake.Endpoint{}, err
	}
	return e, nil
}

// Suspend is not possible.
func (d *Driver) Suspend(context.Context, *catalog.Tenant, wake.Suspension) error {
	return wake.ErrUnsupported
}

// Status looks whether something listens.
func (d *Driver) Status(ctx context.Context, t *catalog.Tenant) (wake.Status, error) {
	e, err := endpoint(t.Backend)
	if err != nil {
		return wake.Status{}, err
	}
	return wake.Status{
		Provisioned: true,
		Running:     d.dial(ctx, e) == nil,
		Details:     map[string]any{"host": t.Backend.Host, "port": port(t.Backend)},
	}, nil
}

// Destroy leaves the backend alone.
func (d *Driver) Destroy(context.Context, *catalog.Tenant, bool) error { return nil }

// Restore has nothing to bring back.
func (d *Driver) Restore(context.Context, *catalog.Tenant) error { return nil }

func (d *Driver) dial(ctx context.Context, e wake.Endpoint) error {
	dialer := net.Dialer{Timeout: cmp.Or(d.config.DialTimeout, 5*time.Second)}
	conn, err := dialer.DialContext(ctx, e.Network, e.Address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// endpoint reads an address. What is wrong with it is a *wake.FailedError.
func endpoint(b catalog.Backend) (wake.Endpoint, error) {
	if b.Host == "" {
		return wake.Endpoint{}, &wake.FailedError{
			Reason: "the tenant has no backend address",
			Hint:   "Set backend.host.",
		}
	}
	e := wake.Endpoint{Network: "tcp", Address: net.JoinHostPort(b.Host, strconv.Itoa(port(b)))}
	if filepath.IsAbs(b.Host) {
		e.Network, e.Address = "unix", filepath.Join(b.Host, fmt.Sprintf(".s.PGSQL.%d", port(b)))
	}
	e.Run = e.Network + ":" + e.Address // somebody else's restarts are not seen
	var err error
	if e.TLS, err = tlsConfig(b, e.Network); err != nil {
		return wake.Endpoint{}, &wake.FailedError{Reason: err.Error(), Hint: "Correct the tenant's backend."}
	}
	return e, nil
}

func port(b catalog.Backend) int { return cmp.Or(b.Port, defaultPort) }

// tlsConfig turns a libpq sslmode into a configuration.
func tlsConfig(b catalog.Backend, network string) (*tls.Config, error) {
	mode := b.TLS
	if mode == "" {
		mode = "verify-full"
		if network == "unix" {
			mode = "disable"
		}
	}
	if mode == "disable" {
		return nil, nil
	}
	config := &tls.Config{ServerName: b.Host, MinVersion: tls.VersionTLS12}
	if b.RootCert != "" {
		pem, err := os.ReadFile(b.RootCert)
		if err != nil {
			return nil, fmt.Errorf("read backend.root_cert: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("backend.root_cert %s holds no certificate", b.RootCert)
		}
	}
	if mode == "require" && b.RootCert != "" {
		mode = "verify-ca" // as in libpq: who names a root means it
	}
	switch mode {
	case "verify-full":
	case "verify-ca":
		config.InsecureSkipVerify = true // the chain is verified below, the name is not
		roots := config.RootCAs
		config.VerifyConnection = func(s tls.ConnectionState) error { return verifyChain(s, roots) }
	case "require":
		config.InsecureSkipVerify = true // libpq: encrypted, whoever it is
	default:
		return nil, fmt.Errorf("backend.tls %q is none of disable, require, verify-ca, verify-full", b.TLS)
	}
	return config, nil
}

// verifyChain checks who signed the server's certificate, not its name.
func verifyChain(s tls.ConnectionState, roots *x509.CertPool) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("the backend showed no certificate")
	}
	intermediates := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		intermediates.AddCert(c)
	}
	_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates})
	return err
}
