package router

import (
	"context"
	"strings"

	"postern/catalog"
)

// Config is what a Router needs to know.
type Config struct {
	// Domains are the domains below which each tenant is a label:
	// <tenant>.<domain>, in any case. Hints show the first. Default: none.
	Domains []string
	// Separator stands between role and tenant in a user name. Default: ".".
	Separator string
	// Hostnames finds the tenant that owns a custom host name. Default: nil, no
	// tenant has any.
	Hostnames Hostnames
}

// Hostnames finds tenants by their own host names.
type Hostnames interface {
	// LookupHostname returns the living tenant that owns hostname (lower-case),
	// or catalog.ErrNotFound.
	LookupHostname(ctx context.Context, hostname string) (*catalog.Tenant, error)
}

// Router turns a Hello into an Identity. It never changes and may be used by
// any number of goroutines.
type Router struct {
	domains   []string // lower-case, without a dot at either end
	separator string
	hostnames Hostnames
}

// New returns a Router.
func New(c Config) *Router {
	r := &Router{separator: c.Separator, hostnames: c.Hostnames}
	if r.separator == "" {
		r.separator = "."
	}
	for _, domain := range c.Domains {
		if domain = strings.Trim(strings.ToLower(domain), "."); domain != "" {
			r.domains = append(r.domains, domain)
		}
	}
	return r
}
