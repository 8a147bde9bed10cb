package router

import (
	"fmt"
	"slices"
	"strings"

	"postern/catalog"
)

// agreedTenant returns the tenant that all claims name and who named it.
func (r *Router) agreedTenant(role string, claims []claim) (catalog.TenantID, string, error) {
	var first claim
	var carriers []string
	var failure error
	for _, c := range claims {
		switch {
		case c.failure != nil:
			failure = c.failure
		case c.tenant == "":
		case first.tenant == "":
			first = c
		case c.tenant != first.tenant:
			return "", "", r.tenantConflict(role, first, c)
		}
		if c.tenant != "" && !slices.Contains(carriers, c.carrier) {
			carriers = append(carriers, c.carrier)
		}
	}
	switch {
	case first.tenant != "":
		return first.tenant, strings.Join(carriers, "+"), nil
	case failure != nil:
		return "", "", failure
	}
	return "", "", &Error{Kind: NoTenant, Message: "no tenant is named", Hint: r.forms(role, "").hint()}
}

// agreedPoolMode returns the pool mode of all claims that ask for one, or "".
func agreedPoolMode(claims []claim) (string, error) {
	var first claim
	for _, c := range claims {
		switch {
		case c.poolMode == "":
		case first.poolMode == "":
			first = c
		case c.poolMode != first.poolMode:
			return "", &Error{
				Kind: PoolModeConflict,
				Message: fmt.Sprintf("the %s asks for pool mode %q, the %s for %q",
					first.said, first.poolMode, c.said, c.poolMode),
				Hint: fmt.Sprintf("Ask once: a host name with %q behind the tenant means %q, as does the option \"pool_mode=%s\".",
					catalog.PoolerSuffix, Transaction, Transaction),
			}
		}
	}
	return first.poolMode, nil
}

// tenantConflict tells a client that a and b disagree; a user name is always b.
// Whose a custom host name is the client did not say, so it is not told either.
func (r *Router) tenantConflict(role string, a, b claim) error {
	e := &Error{Kind: TenantConflict}
	known, other := a.tenant, string(a.tenant)
	if a.carrier == "hostname" {
		known, other = b.tenant, "<tenant>"
		e.Message = fmt.Sprintf("the %s names another tenant than the %s", a.said, b.said)
	} else {
		e.Message = fmt.Sprintf("the %s names tenant %q, the %s names %q", a.said, a.tenant, b.said, b.tenant)
	}
	e.Hint = r.forms(role, known).hint()
	if b.carrier == "user" {
		name := role + r.separator + string(b.tenant)
		e.Hint += fmt.Sprintf(" What stands behind the last %q of a user name is always a tenant; if %q is a role, write %q.",
			r.separator, name, name+r.separator+other)
	}
	return e
}
