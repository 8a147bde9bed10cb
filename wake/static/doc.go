// Package static is the wake.Driver for a tenant whose Postgres somebody else
// runs: a managed service, another cluster, a machine of the operator's own. It
// knows where that is, and that is all: it makes, starts and stops nothing.
//
// The catalog must hold the verifiers of the roles as that Postgres has them,
// since Postern is no superuser there and cannot read them.
//
//	driver := static.New(static.Config{})
//	endpoint, err := driver.Wake(ctx, &catalog.Tenant{
//		ID: "acme", Driver: "static", Backend: catalog.Backend{Host: "db.example.com"},
//	})
package static
