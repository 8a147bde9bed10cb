package router

import (
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		connection Connection
		want       string
	}{
		{"good", Connection{Host: "acme.db.example.com", TLS: true, User: "app",
			Parameters: map[string]string{"options": "-c work_mem=1MB", "application_name": "psql"}},
			`tenant    acme
carrier   sni
role      app
database  app
pool mode the proxy's default
setting   application_name = psql
setting   options = -c work_mem=1MB
`},
		{"address", Connection{Host: "127.0.0.1", TLS: true, User: "app.acme", Database: "shop",
			Parameters: options("pool_mode=session")},
			`tenant    acme
carrier   user
role      app
database  shop
pool mode session
hint      Clients send no server name for an address (127.0.0.1); give the name as host and the address as hostaddr.
`},
		{"no TLS", Connection{Host: "acme.db.example.com", User: "app"},
			`role      app
database  app
error     no tenant is named
hint      Name the tenant in one of these ways: user name "app.<tenant>", host name "<tenant>.db.example.com" (over TLS), options "tenant=<tenant>".
hint      Without TLS the host name "acme.db.example.com" does not reach Postern; use sslmode=require or, better, verify-full.
`},
		{"socket", Connection{Host: "/run/postern", TLS: true, User: "app"},
			`role      app
database  app
error     no tenant is named
hint      Name the tenant in one of these ways: user name "app.<tenant>", host name "<tenant>.db.example.com" (over TLS), options "tenant=<tenant>".
hint      Over a Unix socket there is no TLS, so the host cannot name the tenant.
`},
		{"custom host name in conflict", Connection{Host: "pg.acme.com", TLS: true, User: "app.beta"},
			`role      app
database  app
error     the host name "pg.acme.com" names another tenant than the user name "app.beta"
hint      Name the tenant in one of these ways: user name "app.beta", host name "beta.db.example.com" (over TLS), options "tenant=beta". What stands behind the last "." of a user name is always a tenant; if "app.beta" is a role, write "app.beta.<tenant>".
`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := testRouter().Explain(t.Context(), test.connection).String(); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestHelloOfConnection(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"acme.db.example.com": "acme.db.example.com", "::1": "", "10.0.0.1": "", "/tmp": "", "@abstract": "", "": "",
	} {
		if got := (Connection{Host: host, TLS: true}).Hello().ServerName; got != want {
			t.Errorf("host %q sends %q, want %q", host, got, want)
		}
		if got := (Connection{Host: host}).Hello().ServerName; got != "" {
			t.Errorf("host %q sends %q without TLS", host, strings.TrimSpace(got))
		}
	}
}
