package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"postern/catalog"
)

// TenantList is one page of tenants in the order of their ids.
type TenantList struct {
	Tenants    []Tenant `json:"tenants" nullable:"false"`
	NextCursor string   `json:"next_cursor,omitempty" doc:"The cursor of the next page; absent on the last"`
}

type listTenantsInput struct {
	Cursor string   `query:"cursor" doc:"next_cursor of the page before"`
	Limit  int      `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"The most tenants to return"`
	State  string   `query:"state" enum:"provisioning,asleep,waking,awake,frozen,suspending,paused,failed,deleting" doc:"Only tenants in this state; deleted ones are listed only with deleting"`
	Label  []string `query:"label,explode" doc:"key=value; may be repeated, all must match"`
	// Hostname is exact, so it makes the other parameters pointless.
	Hostname string `query:"hostname" doc:"Only the tenant with this host name of its own"`
}

type listTenantsOutput struct {
	Body TenantList
}

// listTenants pages by id, so tenants that come and go between two pages shift
// nothing: each tenant that is there all the while is listed once.
func (a *api) listTenants(ctx context.Context, in *listTenantsInput) (*listTenantsOutput, error) {
	if in.Hostname != "" {
		return a.tenantByHostname(ctx, in.Hostname)
	}
	labels := make(map[string]string, len(in.Label))
	for _, label := range in.Label {
		key, value, ok := strings.Cut(label, "=")
		if !ok || key == "" {
			return nil, problemf(http.StatusUnprocessableEntity, "label %q is not key=value", label)
		}
		labels[key] = value
	}
	tenants, err := a.Store.List(ctx, catalog.Query{
		After:   catalog.TenantID(in.Cursor),
		Limit:   in.Limit + 1, // one more tells whether there is a next page
		State:   catalog.State(in.State),
		Labels:  labels,
		Deleted: catalog.State(in.State) == catalog.Deleting,
	})
	if err != nil {
		return nil, err
	}
	page := TenantList{Tenants: []Tenant{}}
	if len(tenants) > in.Limit {
		tenants = tenants[:in.Limit]
		page.NextCursor = string(tenants[in.Limit-1].ID)
	}
	for _, t := range tenants {
		page.Tenants = append(page.Tenants, a.brief(t, ""))
	}
	return &listTenantsOutput{Body: page}, nil
}

func (a *api) tenantByHostname(ctx context.Context, hostname string) (*listTenantsOutput, error) {
	page := TenantList{Tenants: []Tenant{}}
	t, err := a.Store.LookupHostname(ctx, strings.ToLower(hostname))
	if err == nil {
		page.Tenants = append(page.Tenants, a.brief(t, ""))
	} else if !errors.Is(err, catalog.ErrNotFound) {
		return nil, err
	}
	return &listTenantsOutput{Body: page}, nil
}
