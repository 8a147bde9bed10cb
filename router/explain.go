package router

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"postern/catalog"
)

// Connection is what a DSN says, as a client library reads it.
type Connection struct {
	// Host is a name, an address, or the directory of a Unix socket.
	Host string
	// TLS says that the client will ask for TLS (sslmode other than "disable").
	TLS bool
	// User and Database are as in Hello.
	User, Database string
	// Parameters are as in Hello.
	Parameters map[string]string
}

// Hello returns what the client will say to Postern: like libpq, it sends the
// host as SNI only over TLS, and only if it is a name.
func (c Connection) Hello() Hello {
	h := Hello{User: c.User, Database: c.Database, Parameters: c.Parameters}
	if c.TLS && c.hostIsName() {
		h.ServerName = c.Host
	}
	return h
}

func (c Connection) hostIsName() bool {
	return c.Host != "" && !c.hostIsSocket() && net.ParseIP(c.Host) == nil
}

func (c Connection) hostIsSocket() bool {
	return strings.HasPrefix(c.Host, "/") || strings.HasPrefix(c.Host, "@")
}

// Explanation is how a Connection is read, for a person or as JSON.
type Explanation struct {
	Tenant   catalog.TenantID  `json:"tenant"`
	Carrier  string            `json:"carrier"`
	Role     string            `json:"role"`
	Database string            `json:"database"`
	PoolMode string            `json:"pool_mode"` // "" for the proxy's own default
	Settings map[string]string `json:"settings"`
	// Error is what the client would be told, "" where nothing is wrong.
	Error string `json:"error,omitempty"`
	// Hints say how to fix what is wrong, and what to know even if nothing is.
	Hints []string `json:"hints"`
}

// Explain tells how c is read.
func (r *Router) Explain(ctx context.Context, c Connection) Explanation {
	identity, err := r.Identify(ctx, c.Hello())
	e := Explanation{
		Tenant:   identity.Tenant,
		Carrier:  identity.Carrier,
		Role:     identity.Role,
		Database: identity.Database,
		PoolMode: identity.PoolMode,
		Settings: identity.Settings,
		Hints:    []string{},
	}
	if err != nil {
		e.Error = err.Error()
	}
	var wrong *Error
	if errors.As(err, &wrong) && wrong.Hint != "" {
		e.Hints = append(e.Hints, wrong.Hint)
	}
	if hint := r.hostHint(c); hint != "" {
		e.Hints = append(e.Hints, hint)
	}
	return e
}

// hostHint says why the host of c does not name a tenant though somebody may
// have thought so; "" if it does.
func (r *Router) hostHint(c Connection) string {
	name := strings.TrimSuffix(strings.ToLower(c.Host), ".")
	label, inside := r.label(name)
	switch {
	case c.hostIsSocket():
		return "Over a Unix socket there is no TLS, so the host cannot name the tenant."
	case c.Host != "" && !c.hostIsName():
		return fmt.Sprintf("Clients send no server name for an address (%s); give the name as host and the address as hostaddr.", c.Host)
	case inside && label != "" && !c.TLS:
		return fmt.Sprintf("Without TLS the host name %q does not reach Postern; use sslmode=require or, better, verify-full.", c.Host)
	}
	return ""
}

// String returns the explanation as lines of "name value".
func (e Explanation) String() string {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-10s%s\n", name, value)
		}
	}
	line("tenant", string(e.Tenant))
	line("carrier", e.Carrier)
	line("role", e.Role)
	line("database", e.Database)
	if e.PoolMode == "" && e.Error == "" {
		line("pool mode", "the proxy's default")
	}
	line("pool mode", e.PoolMode)
	for _, name := range slices.Sorted(maps.Keys(e.Settings)) {
		line("setting", name+" = "+e.Settings[name])
	}
	line("error", e.Error)
	for _, hint := range e.Hints {
		line("hint", hint)
	}
	return b.String()
}
