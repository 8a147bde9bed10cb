package client

import (
	"context"
	"net/http"

	"postern/catalog/api"
)

// ListRoles returns a tenant's login roles.
func (c *Client) ListRoles(ctx context.Context, id string) (*api.RoleList, error) {
	return call[api.RoleList](ctx, c, request{method: http.MethodGet, path: tenant(id, "roles")})
}

// CreateRole makes a login role.
func (c *Client) CreateRole(ctx context.Context, id string, r api.CreateRole) (*api.CreatedRole, error) {
	return call[api.CreatedRole](ctx, c, request{method: http.MethodPost, path: tenant(id, "roles"), body: r})
}

// DropRole drops a login role.
func (c *Client) DropRole(ctx context.Context, id, role string) (*api.Dropped, error) {
	return call[api.Dropped](ctx, c, request{method: http.MethodDelete, path: tenant(id, "roles", role)})
}
