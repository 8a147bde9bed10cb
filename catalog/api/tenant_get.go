package api

import (
	"context"

	"postern/catalog"
)

type tenantDetailOutput struct {
	ETag string `header:"ETag" doc:"The version, for If-Match"`
	Body TenantDetail
}

func (a *api) getTenant(ctx context.Context, in *TenantPath) (*tenantDetailOutput, error) {
	t, err := a.lookup(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return a.detailOutput(ctx, t), nil
}

func (a *api) detailOutput(ctx context.Context, t *catalog.Tenant) *tenantDetailOutput {
	return &tenantDetailOutput{ETag: etag(t), Body: a.detail(ctx, t)}
}
