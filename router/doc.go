// Package router finds out which tenant a client asks for, from what the client
// says before it has proved anything: Hello in, Identity out.
//
// A client names its tenant by its TLS server name (SNI), by a key in the
// startup parameter "options", or by a suffix of its user name. Whatever is
// present must agree. The package does not look tenants up, except for the
// owner of a custom host name, does not authenticate, and opens no connection.
//
//	r := router.New(router.Config{Domains: []string{"db.example.com"}, Hostnames: cache})
//	identity, err := r.Identify(ctx, router.Hello{ServerName: "acme.db.example.com", User: "app"})
//	// identity.Tenant == "acme", identity.Role == "app", identity.Database == "app"
package router
