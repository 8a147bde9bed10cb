package client

import (
	"context"
	"net/http"

	"postern/catalog/api"
)

// ListDatabases returns a tenant's databases.
func (c *Client) ListDatabases(ctx context.Context, id string) (*api.DatabaseList, error) {
	return call[api.DatabaseList](ctx, c, request{method: http.MethodGet, path: tenant(id, "databases")})
}

// CreateDatabase makes a database.
func (c *Client) CreateDatabase(ctx context.Context, id string, d api.CreateDatabase) (*api.CreatedDatabase, error) {
	return call[api.CreatedDatabase](ctx, c, request{method: http.MethodPost, path: tenant(id, "databases"), body: d})
}

// CreateExtension makes an extension in a database.
func (c *Client) CreateExtension(ctx context.Context, id, database string, e api.CreateExtension) (*api.CreatedExtension, error) {
	return call[api.CreatedExtension](ctx, c, request{method: http.MethodPost, path: tenant(id, "databases", database, "extensions"), body: e})
}

// DropDatabase drops a database.
func (c *Client) DropDatabase(ctx context.Context, id, database string) (*api.Dropped, error) {
	return call[api.Dropped](ctx, c, request{method: http.MethodDelete, path: tenant(id, "databases", database)})
}
