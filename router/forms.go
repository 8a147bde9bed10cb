package router

import (
	"fmt"
	"strings"

	"postern/catalog"
)

// forms are the ways to name a tenant, with real values as far as they are known.
type forms []string

// forms returns the ways in which role may name tenant here; where one is
// empty, a placeholder stands for it.
func (r *Router) forms(role string, tenant catalog.TenantID) forms {
	if role == "" {
		role = "<role>"
	}
	if tenant == "" {
		tenant = "<tenant>"
	}
	f := forms{fmt.Sprintf("user name %q", role+r.separator+string(tenant))}
	if len(r.domains) > 0 {
		f = append(f, fmt.Sprintf("host name %q (over TLS)", string(tenant)+"."+r.domains[0]))
	}
	return append(f, fmt.Sprintf("options %q", "tenant="+string(tenant)))
}

func (f forms) hint() string {
	return "Name the tenant in one of these ways: " + strings.Join(f, ", ") + "."
}
