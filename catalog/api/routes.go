package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// routes is the whole API at a glance; each operation has a file of its own.
func (a *api) routes(router huma.API) {
	const (
		tenants   = "/v1/tenants"
		tenant    = tenants + "/{id}"
		roles     = tenant + "/roles"
		databases = tenant + "/databases"
	)
	register(a, router, http.MethodPost, tenants, "create-tenant", "Make a tenant", a.createTenant)
	register(a, router, http.MethodGet, tenants, "list-tenants", "List tenants by id", a.listTenants)
	register(a, router, http.MethodGet, tenant, "get-tenant", "Get a tenant", a.getTenant)
	register(a, router, http.MethodPatch, tenant, "update-tenant", "Change a tenant's configuration", a.updateTenant)
	register(a, router, http.MethodDelete, tenant, "delete-tenant", "Delete a tenant", a.deleteTenant)

	register(a, router, http.MethodPost, tenant+"/wake", "wake-tenant", "Start a tenant's Postgres", a.wakeTenant)
	register(a, router, http.MethodPost, tenant+"/suspend", "suspend-tenant", "Stop a tenant's Postgres", a.suspendTenant)
	register(a, router, http.MethodPost, tenant+"/pause", "pause-tenant", "Refuse a tenant's clients until it is resumed", a.pauseTenant)
	register(a, router, http.MethodPost, tenant+"/resume", "resume-tenant", "End a pause", a.resumeTenant)
	register(a, router, http.MethodPost, tenant+"/move", "move-tenant", "Have another driver run a tenant's Postgres", a.moveTenant)
	register(a, router, http.MethodPost, tenant+"/undelete", "undelete-tenant", "Bring a deleted tenant back", a.undeleteTenant)
	register(a, router, http.MethodPost, tenant+"/reset-password", "reset-password", "Give a role a new password", a.resetPassword)
	register(a, router, http.MethodGet, tenant+"/logs", "get-logs", "Get the end of a tenant's own log", a.getLogs)

	register(a, router, http.MethodGet, "/v1/operations/{id}", "get-operation", "Get what came of work that was not waited for", a.getOperation)

	register(a, router, http.MethodGet, roles, "list-roles", "List a tenant's login roles", a.listRoles)
	register(a, router, http.MethodPost, roles, "create-role", "Make a login role", a.createRole)
	register(a, router, http.MethodDelete, roles+"/{role}", "drop-role", "Drop a login role", a.dropRole)
	register(a, router, http.MethodGet, databases, "list-databases", "List a tenant's databases", a.listDatabases)
	register(a, router, http.MethodPost, databases, "create-database", "Make a database", a.createDatabase)
	register(a, router, http.MethodDelete, databases+"/{database}", "drop-database", "Drop a database", a.dropDatabase)
	register(a, router, http.MethodPost, databases+"/{database}/extensions", "create-extension", "Make an extension", a.createExtension)
}

// patient is an input that asks to wait for something.
type patient interface{ wait() time.Duration }

// register adds one operation: handle gets a context that ends after
// Config.Timeout, besides what a patient input asks for, and whatever error it
// returns is answered as a Problem.
func register[In, Out any](a *api, router huma.API, method, path, id, summary string, handle func(context.Context, *In) (*Out, error)) {
	operation := huma.Operation{
		OperationID: id,
		Method:      method,
		Path:        path,
		Summary:     summary,
		Responses:   map[string]*huma.Response{"default": problemResponse(router)},
		// A read deadline would stay on the connection, and net/http would take
		// it for the client hanging up in the middle of a long operation.
		BodyReadTimeout: -1,
	}
	huma.Register(router, operation, func(ctx context.Context, in *In) (*Out, error) {
		timeout := a.Timeout
		if p, ok := any(in).(patient); ok {
			timeout += p.wait()
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		out, err := handle(ctx, in)
		if err != nil {
			problem := newProblem(err)
			if problem.Status >= http.StatusInternalServerError {
				a.Log.Error("operation failed", "operation", id, "status", problem.Status, "error", err)
			}
			return nil, problem
		}
		return out, nil
	})
}
