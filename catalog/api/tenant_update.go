package api

import (
	"context"
	"fmt"
	"net/http"

	"postern/catalog"
)

// UpdateTenant changes what it names and leaves the rest alone, like a JSON merge
// patch (RFC 7396), except that null removes within the maps only. Server
// settings count from the next start of the tenant's Postgres.
type UpdateTenant struct {
	Region      *string            `json:"region,omitempty" minLength:"1"`
	Hostnames   *[]string          `json:"hostnames,omitempty" doc:"All of them"`
	Labels      map[string]*string `json:"labels,omitempty" doc:"Labels to set; null removes one"`
	Settings    map[string]*string `json:"settings,omitempty" doc:"Settings to set; null removes one"`
	Postgres    map[string]*string `json:"postgres,omitempty" doc:"Server settings to set; null removes one"`
	PoolMode    *string            `json:"pool_mode,omitempty" enum:",session,transaction" doc:"Empty: the proxy's default"`
	IdleTimeout *string            `json:"idle_timeout,omitempty" doc:"How long it may have no work before it is suspended, 0 for ever; empty for the proxy's default" example:"10m"`
	Backend     *Backend           `json:"backend,omitempty" doc:"Where its Postgres is, for a driver that runs none itself"`
}

type updateTenantInput struct {
	TenantPath
	IfMatch string `header:"If-Match" doc:"Only if the tenant is at this version"`
	Body    UpdateTenant
}

func (a *api) updateTenant(ctx context.Context, in *updateTenantInput) (*tenantDetailOutput, error) {
	t, err := a.lookup(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	was := t.Version
	t, err = a.Store.Update(ctx, t.ID, func(t *catalog.Tenant) error {
		if err := checkLiving(t); err != nil {
			return err
		}
		if err := checkMatch(t, in.IfMatch); err != nil {
			return err
		}
		return in.Body.apply(t)
	})
	if err != nil {
		return nil, fmt.Errorf("update tenant %s: %w", in.ID, err)
	}
	if t.Version != was {
		a.Log.Info("tenant updated", "tenant", t.ID, "version", t.Version)
	}
	return a.detailOutput(ctx, t), nil
}

func (u *UpdateTenant) apply(t *catalog.Tenant) (err error) {
	if u.Region != nil {
		t.Region = *u.Region
	}
	if u.Hostnames != nil {
		if t.Hostnames, err = checkHostnames(*u.Hostnames); err != nil {
			return err
		}
	}
	if u.PoolMode != nil {
		t.PoolMode = *u.PoolMode
	}
	if u.IdleTimeout != nil {
		if t.IdleTimeout, err = checkIdleTimeout(*u.IdleTimeout); err != nil {
			return err
		}
	}
	if u.Backend != nil {
		t.Backend = u.Backend.record()
	}
	t.Labels = merge(t.Labels, u.Labels)
	t.Settings = merge(t.Settings, u.Settings)
	t.Postgres = merge(t.Postgres, u.Postgres)
	return checkMaps(t)
}

// checkIdleTimeout returns s if that is one.
func checkIdleTimeout(s string) (string, error) {
	if err := catalog.CheckIdleTimeout(s); err != nil {
		return "", problemf(http.StatusUnprocessableEntity, "%v", err)
	}
	return s, nil
}

// merge applies a merge patch to values, which may be nil, and returns it.
func merge(values map[string]string, patch map[string]*string) map[string]string {
	for key, value := range patch {
		if value == nil {
			delete(values, key)
			continue
		}
		if values == nil {
			values = make(map[string]string)
		}
		values[key] = *value
	}
	return values
}
