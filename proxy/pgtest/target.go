package pgtest

import (
	"crypto/tls"
	"maps"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Target is a server and how to log in there. Tests change copies of it.
type Target struct {
	// Network and Address are as net.Dial takes them: "tcp" or "unix".
	Network, Address string
	// User and Database go into the startup message; Database may be empty.
	User, Database string
	// Password is used if the server asks for one.
	Password string
	// Parameters are the rest of the startup message.
	Parameters map[string]string
	// Protocol is the version asked for, 3.0 if 0.
	Protocol uint32
	// TLS encrypts the connection: after an SSLRequest, or at once where
	// DirectTLS is set (which needs the protocol name "postgresql"; the client
	// adds it). ServerName is the SNI.
	TLS       *tls.Config
	DirectTLS bool
	// ChannelBinding uses SCRAM-SHA-256-PLUS where the server offers it.
	ChannelBinding bool
	// Timeout is how long any one read or write may take, 30 s if 0.
	Timeout time.Duration
	// WriteSize cuts what is written into pieces of so many bytes; 0 is off.
	WriteSize int
}

// With returns the target with one more startup parameter.
func (t Target) With(name, value string) Target {
	t.Parameters = maps.Clone(t.Parameters)
	if t.Parameters == nil {
		t.Parameters = map[string]string{}
	}
	t.Parameters[name] = value
	return t
}

// WithOptions returns the target with more command-line options for the
// backend, behind those that it has.
func (t Target) WithOptions(options string) Target {
	return t.With("options", strings.TrimSpace(t.Parameters["options"]+" "+options))
}

func (t Target) startup() *pgproto3.StartupMessage {
	m := &pgproto3.StartupMessage{ProtocolVersion: t.Protocol, Parameters: maps.Clone(t.Parameters)}
	if m.ProtocolVersion == 0 {
		m.ProtocolVersion = pgproto3.ProtocolVersion30
	}
	if m.Parameters == nil {
		m.Parameters = map[string]string{}
	}
	m.Parameters["user"] = t.User
	if t.Database != "" {
		m.Parameters["database"] = t.Database
	}
	return m
}

func (t Target) timeout() time.Duration {
	if t.Timeout == 0 {
		return 30 * time.Second
	}
	return t.Timeout
}
