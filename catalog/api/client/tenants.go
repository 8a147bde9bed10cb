package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"postern/catalog"
	"postern/catalog/api"
)

const tenants = "/v1/tenants"

// tenant is the path of one tenant, with more behind it.
func tenant(id string, more ...string) string {
	path := tenants + "/" + url.PathEscape(id)
	for _, segment := range more {
		path += "/" + url.PathEscape(segment)
	}
	return path
}

// CreateTenant makes a tenant. Unless NoWait it returns when it is ready.
func (c *Client) CreateTenant(ctx context.Context, t api.CreateTenant) (*api.Tenant, error) {
	return call[api.Tenant](ctx, c, request{method: http.MethodPost, path: tenants, body: t})
}

// GetOperation gets what came of work that was not waited for.
func (c *Client) GetOperation(ctx context.Context, id string) (*api.Operation, error) {
	return call[api.Operation](ctx, c, request{method: http.MethodGet, path: "/v1/operations/" + url.PathEscape(id)})
}

// Selection says which tenants to list.
type Selection struct {
	// State, if not empty, selects by state.
	State catalog.State
	// Labels are "key=value"; all must match.
	Labels []string
	// Hostname, if not empty, selects the one tenant that has it, whatever else
	// is asked for.
	Hostname string
	// Cursor is TenantList.NextCursor of the page before.
	Cursor string
	// Limit is the most to return; 0 leaves it to the server.
	Limit int
}

// ListTenants returns one page of tenants.
func (c *Client) ListTenants(ctx context.Context, s Selection) (*api.TenantList, error) {
	query := url.Values{}
	if s.State != "" {
		query.Set("state", string(s.State))
	}
	if s.Hostname != "" {
		query.Set("hostname", s.Hostname)
	}
	if s.Cursor != "" {
		query.Set("cursor", s.Cursor)
	}
	if s.Limit > 0 {
		query.Set("limit", strconv.Itoa(s.Limit))
	}
	for _, label := range s.Labels {
		query.Add("label", label)
	}
	return call[api.TenantList](ctx, c, request{method: http.MethodGet, path: tenants, query: query})
}

// GetTenant returns all there is to tell of a tenant.
func (c *Client) GetTenant(ctx context.Context, id string) (*api.TenantDetail, error) {
	return call[api.TenantDetail](ctx, c, request{method: http.MethodGet, path: tenant(id)})
}

// UpdateTenant changes a tenant; if version is not 0, only in that version.
func (c *Client) UpdateTenant(ctx context.Context, id string, version int64, u api.UpdateTenant) (*api.TenantDetail, error) {
	r := request{method: http.MethodPatch, path: tenant(id), body: u}
	if version != 0 {
		r.ifMatch = strconv.Quote(strconv.FormatInt(version, 10))
	}
	return call[api.TenantDetail](ctx, c, r)
}

// DeleteTenant deletes a tenant, with purge for good.
func (c *Client) DeleteTenant(ctx context.Context, id string, purge bool) (*api.TenantAction, error) {
	r := request{method: http.MethodDelete, path: tenant(id)}
	if purge {
		r.query = url.Values{"purge": {"true"}}
	}
	return call[api.TenantAction](ctx, c, r)
}

// UndeleteTenant brings a deleted tenant back.
func (c *Client) UndeleteTenant(ctx context.Context, id string) (*api.TenantAction, error) {
	return c.act(ctx, id, "undelete", nil)
}

// WakeTenant starts a tenant's Postgres and returns when it is ready.
func (c *Client) WakeTenant(ctx context.Context, id string) (*api.TenantAction, error) {
	return c.act(ctx, id, "wake", nil)
}

// SuspendTenant stops a tenant's Postgres and returns when it is gone.
func (c *Client) SuspendTenant(ctx context.Context, id string, s api.SuspendTenant) (*api.TenantAction, error) {
	return c.act(ctx, id, "suspend", s)
}

// PauseTenant refuses a tenant's clients from now on.
func (c *Client) PauseTenant(ctx context.Context, id string, timeout time.Duration) (*api.TenantAction, error) {
	return c.act(ctx, id, "pause", api.PauseTenant{Timeout: timeout.String()})
}

// ResumeTenant ends a pause.
func (c *Client) ResumeTenant(ctx context.Context, id string) (*api.TenantAction, error) {
	return c.act(ctx, id, "resume", nil)
}

// MoveTenant has another driver run a tenant's Postgres.
func (c *Client) MoveTenant(ctx context.Context, id string, m api.MoveTenant) (*api.TenantAction, error) {
	return c.act(ctx, id, "move", m)
}

func (c *Client) act(ctx context.Context, id, verb string, body any) (*api.TenantAction, error) {
	return call[api.TenantAction](ctx, c, request{method: http.MethodPost, path: tenant(id, verb), body: body})
}

// ResetPassword gives a role another password.
func (c *Client) ResetPassword(ctx context.Context, id string, r api.ResetPassword) (*api.PasswordReset, error) {
	return call[api.PasswordReset](ctx, c, request{method: http.MethodPost, path: tenant(id, "reset-password"), body: r})
}

// Logs returns at most lines lines from the end of a tenant's own log; 0 leaves
// it to the server.
func (c *Client) Logs(ctx context.Context, id string, lines int) (*api.Logs, error) {
	r := request{method: http.MethodGet, path: tenant(id, "logs")}
	if lines > 0 {
		r.query = url.Values{"lines": {strconv.Itoa(lines)}}
	}
	return call[api.Logs](ctx, c, r)
}
