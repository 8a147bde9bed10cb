package router

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// Identify reads hello. What the client got wrong is an *Error; any other error
// means that the owner of a custom host name could not be asked for, and that
// no other carrier names a tenant. With an error the Identity has no Tenant but
// holds whatever else could be read.
func (r *Router) Identify(ctx context.Context, hello Hello) (Identity, error) {
	if hello.User == "" {
		return Identity{}, &Error{
			Kind:    NoUser,
			Message: "no PostgreSQL user name specified in startup packet",
			Hint:    r.forms("", "").hint(),
		}
	}
	role, user, err := r.userClaim(hello.User)
	identity := Identity{Role: role, Database: hello.Database}
	if identity.Database == "" || identity.Database == hello.User {
		// libpq fills in the whole user name where no database was named.
		identity.Database = role
	}
	identity.Settings, identity.Replication = settings(hello.Parameters)
	if err != nil {
		return identity, err
	}
	options, rest, err := r.optionClaims(role, hello.Parameters["options"])
	if rest != "" {
		identity.Settings["options"] = rest
	}
	if err != nil {
		return identity, err
	}
	server, err := r.serverClaim(ctx, role, hello.ServerName)
	if err != nil {
		return identity, err
	}
	claims := slices.Concat([]claim{server}, options, []claim{user})
	if identity.PoolMode, err = agreedPoolMode(claims); err != nil {
		return identity, err
	}
	tenant, carrier, err := r.agreedTenant(role, claims)
	if err != nil {
		return identity, err
	}
	identity.Tenant, identity.Carrier = tenant, carrier
	return identity, nil
}

// settings returns what of a startup packet's parameters is a setting for the
// backend, without options, and the replication asked for.
func settings(parameters map[string]string) (settings map[string]string, replication string) {
	settings = maps.Clone(parameters)
	if settings == nil {
		settings = map[string]string{}
	}
	maps.DeleteFunc(settings, func(name, _ string) bool {
		return name == "options" || name == "replication" || strings.HasPrefix(name, "_pq_.")
	})
	if replication = parameters["replication"]; isFalse(replication) {
		replication = ""
	}
	return settings, replication
}

// isFalse reports whether PostgreSQL's parse_bool reads s as false.
func isFalse(s string) bool {
	s = strings.ToLower(s)
	return s == "0" || s != "" && (strings.HasPrefix("false", s) || strings.HasPrefix("no", s)) ||
		s == "of" || s == "off"
}
