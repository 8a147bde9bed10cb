package router

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"postern/catalog"
)

// hostnames is a catalog that knows custom host names only.
type hostnames map[string]catalog.TenantID

func (h hostnames) LookupHostname(_ context.Context, name string) (*catalog.Tenant, error) {
	if name != strings.ToLower(name) {
		return nil, fmt.Errorf("host name %q is not in lower case", name)
	}
	if id, ok := h[name]; ok {
		return &catalog.Tenant{ID: id}, nil
	}
	return nil, fmt.Errorf("hostname %q: %w", name, catalog.ErrNotFound)
}

// awayCatalog cannot be reached.
type awayCatalog struct{}

func (awayCatalog) LookupHostname(context.Context, string) (*catalog.Tenant, error) {
	return nil, catalog.ErrUnavailable
}

// mustNotAsk fails the login if the catalog is asked.
type mustNotAsk struct{}

var errAsked = errors.New("the catalog was asked")

func (mustNotAsk) LookupHostname(context.Context, string) (*catalog.Tenant, error) {
	return nil, errAsked
}

func testRouter() *Router {
	return New(Config{
		Domains:   []string{"db.example.com", "example.com.", "Other.Test"},
		Hostnames: hostnames{"pg.acme.com": "acme"},
	})
}
