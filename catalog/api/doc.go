// Package api is the control plane over HTTP: tenants, their roles and their
// databases as JSON under /v1, errors as RFC 9457 problem documents, and the
// OpenAPI 3.1 document, made from this very code, at /openapi.json.
//
// It reads and writes the catalog through catalog.Store, and acts on instances
// and sessions through the small interfaces declared in instances.go (*wake.Gate
// is an Instances). It listens on nothing and checks no permission: whoever
// mounts the handler decides who gets that far. Reading never wakes a tenant.
// No answer holds a secret but the password within "url" that creating a tenant
// or a role and resetting a password give back, once.
//
//	handler := api.New(api.Config{Store: store, Instances: gate, …})
//	go http.Serve(controlSocket, handler)
//
// Package client is the typed client for it.
package api
