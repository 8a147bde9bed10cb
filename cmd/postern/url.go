package main

import (
	"net"
	"net/url"
	"strings"

	"postern/catalog"
)

// url returns the connection string of a role and database: by host name where
// Postern has a domain and TLS, else by user name.
func (d *daemon) url(t *catalog.Tenant, role, password, database string) string {
	host, port, err := net.SplitHostPort(d.listeners.postgres.Addr().String())
	if err != nil {
		host, port = "127.0.0.1", "6432"
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	u := url.URL{Scheme: "postgres", Path: "/" + database}
	if d.urlByHostname {
		host = string(t.ID) + "." + d.config().Router.Domains[0]
		u.RawQuery = "sslmode=verify-full"
	} else {
		role += d.config().Router.Separator + string(t.ID)
	}
	u.Host = net.JoinHostPort(host, port)
	u.User = url.User(role)
	if password != "" {
		u.User = url.UserPassword(role, password)
	}
	return u.String()
}

// escapeConnValue makes a value fit between the quotes of a libpq key=value
// string.
func escapeConnValue(value string) string {
	return strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value)
}
