package filestore

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"postern/catalog"
)

// configuration is the content of a tenant's file.
type configuration struct {
	Driver      string            `toml:"driver" json:"driver"`
	Region      string            `toml:"region,omitempty" json:"region,omitempty"`
	Hostnames   []string          `toml:"hostnames,omitempty" json:"hostnames,omitempty"`
	Databases   []string          `toml:"databases,omitempty" json:"databases,omitempty"`
	PGVersion   int               `toml:"pg_version,omitzero" json:"pg_version,omitempty"`
	PoolMode    string            `toml:"pool_mode,omitempty" json:"pool_mode,omitempty"`
	IdleTimeout string            `toml:"idle_timeout,omitempty" json:"idle_timeout,omitempty"`
	Labels      map[string]string `toml:"labels,omitempty" json:"labels,omitempty"`
	Settings    map[string]string `toml:"settings,omitempty" json:"settings,omitempty"`
	Postgres    map[string]string `toml:"postgres,omitempty" json:"postgres,omitempty"`
	Backend     backend           `toml:"backend,omitempty" json:"backend,omitzero"`
	Roles       []role            `toml:"roles,omitempty" json:"roles,omitempty"`
}

type backend struct {
	Host     string `toml:"host,omitempty" json:"host,omitempty"`
	Port     int    `toml:"port,omitzero" json:"port,omitempty"`
	TLS      string `toml:"tls,omitempty" json:"tls,omitempty"`
	RootCert string `toml:"root_cert,omitempty" json:"root_cert,omitempty"`
}

type role struct {
	Name       string    `toml:"name" json:"name"`
	Verifier   string    `toml:"verifier,omitempty" json:"verifier,omitempty"`
	CanLogin   *bool     `toml:"can_login,omitempty" json:"can_login,omitempty"` // nil: true
	ValidUntil time.Time `toml:"valid_until,omitempty" json:"valid_until,omitzero"`
	ReadOnly   bool      `toml:"read_only,omitempty" json:"read_only,omitempty"`
}

// parseConfiguration reads a file. The error names the key or the line, and
// shows no verifier.
func parseConfiguration(content []byte) (configuration, error) {
	var c configuration
	decoded, err := toml.Decode(string(content), &c)
	var malformed toml.ParseError
	switch {
	case errors.As(err, &malformed) && malformed.LastKey != "":
		return c, fmt.Errorf("line %d, key %q: %s", malformed.Position.Line, malformed.LastKey, malformed.Message)
	case errors.As(err, &malformed):
		return c, fmt.Errorf("line %d: %s", malformed.Position.Line, malformed.Message)
	case err != nil:
		return c, err
	}
	if unknown := decoded.Undecoded(); len(unknown) > 0 {
		return c, fmt.Errorf("unknown key %q", unknown[0].String())
	}
	return c, c.check()
}

// check says what is wrong with a configuration that is well-formed.
func (c configuration) check() error {
	switch {
	case c.Driver == "":
		return fmt.Errorf("key %q is missing", "driver")
	case c.PoolMode != "" && c.PoolMode != "session" && c.PoolMode != "transaction":
		return fmt.Errorf("key %q: %q is neither session nor transaction", "pool_mode", c.PoolMode)
	case c.PGVersion < 0:
		return fmt.Errorf("key %q: %d is no version", "pg_version", c.PGVersion)
	case c.Backend.Port < 0 || c.Backend.Port > 65535:
		return fmt.Errorf("key %q: %d is no port", "backend.port", c.Backend.Port)
	}
	if err := catalog.CheckIdleTimeout(c.IdleTimeout); err != nil {
		return fmt.Errorf("key %q: %w", "idle_timeout", err)
	}
	seen := map[string]bool{}
	for _, r := range c.Roles {
		switch {
		case r.Name == "":
			return fmt.Errorf("key %q is missing or empty", "roles.name")
		case seen[r.Name]:
			return fmt.Errorf("role %q is there twice", r.Name)
		case r.Verifier != "" && !strings.HasPrefix(r.Verifier, "SCRAM-SHA-256$"):
			return fmt.Errorf("key %q of role %q: it does not begin with SCRAM-SHA-256$", "roles.verifier", r.Name)
		}
		seen[r.Name] = true
	}
	return nil
}

// configure writes to t all that c says, roles excepted.
func (c configuration) configure(t *catalog.Tenant) {
	t.Driver, t.Region = c.Driver, c.Region
	t.Hostnames, t.Databases = c.Hostnames, c.Databases
	t.PGVersion, t.PoolMode, t.IdleTimeout = c.PGVersion, c.PoolMode, c.IdleTimeout
	t.Labels, t.Settings, t.Postgres = c.Labels, c.Settings, c.Postgres
	t.Backend = catalog.Backend(c.Backend)
}

// configurationOf is the reverse, with the roles as they are to stand in the
// file.
func configurationOf(t *catalog.Tenant, roles []role) configuration {
	return configuration{
		Driver: t.Driver, Region: t.Region,
		Hostnames: t.Hostnames, Databases: t.Databases,
		PGVersion: t.PGVersion, PoolMode: t.PoolMode, IdleTimeout: t.IdleTimeout,
		Labels: t.Labels, Settings: t.Settings, Postgres: t.Postgres,
		Backend: backend(t.Backend),
		Roles:   roles,
	}
}

// mergeRoles applies to roles, which pg_authid may have changed meanwhile, what
// differs between two contents of the file.
func mergeRoles(roles map[string]catalog.Role, before, after []role) {
	was, is := rolesByName(before), rolesByName(after)
	for name := range was {
		if _, there := is[name]; !there {
			delete(roles, name)
		}
	}
	for name, r := range is {
		if was[name] != r {
			roles[name] = r
		}
	}
}

func rolesByName(list []role) map[string]catalog.Role {
	roles := make(map[string]catalog.Role, len(list))
	for _, r := range list {
		roles[r.Name] = catalog.Role{
			Name: r.Name, Verifier: r.Verifier, CanLogin: r.CanLogin == nil || *r.CanLogin,
			ValidUntil: r.ValidUntil.UTC(), ReadOnly: r.ReadOnly,
		}
	}
	return roles
}

// encode returns the content of a file for c, proven to be read as what it is.
func (c configuration) encode(id catalog.TenantID) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Tenant %s. Comments are lost when Postern changes the tenant by command.\n\n", id)
	encoder := toml.NewEncoder(&b)
	encoder.Indent = ""
	if err := encoder.Encode(c); err != nil {
		return nil, err
	}
	read, err := parseConfiguration(b.Bytes())
	if err != nil || !c.same(read) {
		return nil, fmt.Errorf("the configuration holds what TOML cannot (%v)", err)
	}
	return b.Bytes(), nil
}

// same reports whether two configurations say the same.
func (c configuration) same(other configuration) bool {
	var a, b catalog.Tenant
	c.configure(&a)
	other.configure(&b)
	a.Roles, b.Roles = rolesByName(c.Roles), rolesByName(other.Roles)
	return catalog.SameConfiguration(&a, &b)
}
