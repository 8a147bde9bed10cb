package router

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"postern/catalog"
)

// claim is what one carrier says about the tenant and the pool mode; the zero
// claim says nothing.
type claim struct {
	// carrier is the word for Identity.Carrier.
	carrier string
	// said is what the client sent, for a message: `user name "app.acme"`.
	said     string
	tenant   catalog.TenantID
	poolMode string
	// failure is why the carrier could not be understood for now.
	failure error
}

// userClaim splits a user name into the role and what it says of the tenant: a
// name that holds the separator always names one behind the last.
func (r *Router) userClaim(name string) (role string, c claim, err error) {
	i := strings.LastIndex(name, r.separator)
	if i < 0 {
		return name, claim{}, nil
	}
	role = name[:i]
	c = claim{carrier: "user", said: fmt.Sprintf("user name %q", name)}
	if role == "" {
		return "", c, &Error{
			Kind:    NoUser,
			Message: fmt.Sprintf("the user name %q has no role before the tenant", name),
			Hint:    r.forms("", "").hint(),
		}
	}
	c.tenant, err = r.parseTenant(c.said, role, name[i+len(r.separator):])
	return role, c, err
}

// optionClaims reads what options say and returns them without our keys.
func (r *Router) optionClaims(role, options string) (claims []claim, rest string, err error) {
	var words []string
	for _, o := range parseOptions(SplitOptions(options)) {
		c := claim{carrier: "options", said: fmt.Sprintf("option %q", o.name+"="+o.value)}
		var wrong error
		switch o.name {
		case "pool_mode":
			c.poolMode, wrong = parsePoolMode(c.said, o.value)
		case "tenant", "endpoint", "project", "reference": // ours, Neon's two, Supabase's
			c.tenant, wrong = r.parseTenant(c.said, role, o.value)
		default:
			words = append(words, o.words...)
			continue
		}
		claims = append(claims, c)
		if err == nil {
			err = wrong
		}
	}
	return claims, JoinOptions(words), err
}

// serverClaim reads the host name of the TLS handshake.
func (r *Router) serverClaim(ctx context.Context, role, serverName string) (claim, error) {
	name := strings.TrimSuffix(strings.ToLower(serverName), ".")
	if name == "" {
		return claim{}, nil
	}
	c := claim{said: fmt.Sprintf("host name %q", name)}
	label, inside := r.label(name)
	if !inside {
		return r.hostnameClaim(ctx, c, name)
	}
	if label == "" { // the domain itself
		return claim{}, nil
	}
	c.carrier = "sni"
	id, pooled := strings.CutSuffix(label, catalog.PoolerSuffix)
	if pooled {
		c.poolMode = Transaction
	}
	var err error
	c.tenant, err = r.parseTenant(c.said, role, id)
	return c, err
}

// label returns what of name stands before the longest domain that it is in,
// "" for a domain itself.
func (r *Router) label(name string) (label string, inside bool) {
	for _, domain := range r.domains {
		before, found := strings.CutSuffix("."+name, "."+domain)
		if before = strings.TrimPrefix(before, "."); found && (!inside || len(before) < len(label)) {
			label, inside = before, true
		}
	}
	return label, inside
}

// hostnameClaim asks whose custom host name name is.
func (r *Router) hostnameClaim(ctx context.Context, c claim, name string) (claim, error) {
	if r.hostnames == nil || !isHostname(name) {
		return claim{}, nil
	}
	tenant, err := r.hostnames.LookupHostname(ctx, name)
	switch {
	case errors.Is(err, catalog.ErrNotFound):
		return claim{}, nil
	case err != nil:
		// Not an error yet: while the catalog is away, a tenant that is named by
		// another carrier must still be reached through any host name.
		c.failure = fmt.Errorf("look up host name %q: %w", name, err)
		return c, nil
	}
	c.carrier, c.tenant = "hostname", tenant.ID
	return c, nil
}

// isHostname reports whether s, in lower case, has the form of a DNS name, so
// that nothing else is asked of the catalog.
func isHostname(s string) bool {
	if len(s) > 253 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return true
}

func (r *Router) parseTenant(said, role, id string) (catalog.TenantID, error) {
	tenant, err := catalog.ParseTenantID(id)
	if err != nil {
		return "", &Error{
			Kind:    InvalidTenant,
			Message: fmt.Sprintf("the %s names no tenant: %v", said, err),
			Hint:    r.forms(role, "").hint(),
		}
	}
	return tenant, nil
}

func parsePoolMode(said, mode string) (string, error) {
	if mode != Session && mode != Transaction {
		return "", &Error{
			Kind:    InvalidPoolMode,
			Message: fmt.Sprintf("the %s asks for an unknown pool mode", said),
			Hint:    fmt.Sprintf("The pool modes are %q and %q.", Session, Transaction),
		}
	}
	return mode, nil
}
