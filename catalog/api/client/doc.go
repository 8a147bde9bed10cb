// Package client is the typed Go client of Postern's control plane: one method
// an operation, over the control socket or over HTTP. The types of requests and
// answers are those of package api. It retries nothing and follows no redirect.
//
//	c := client.Socket("/var/lib/postern/control.sock")
//	tenant, err := c.CreateTenant(ctx, api.CreateTenant{ID: "acme"})
//	var problem *api.Problem
//	if errors.As(err, &problem) && problem.Status == http.StatusConflict { … }
package client
