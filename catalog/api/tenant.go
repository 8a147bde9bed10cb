package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"postern/catalog"
)

// Tenant is a tenant in brief.
type Tenant struct {
	ID        string        `json:"id" doc:"Names the tenant everywhere"`
	State     catalog.State `json:"state" doc:"provisioning, asleep, waking, awake, frozen, suspending, paused, failed or deleting"`
	Driver    string        `json:"driver" doc:"Which driver runs its Postgres"`
	Region    string        `json:"region"`
	URL       string        `json:"url" doc:"How to connect; with a password only in the answer that made it"`
	Version   int64         `json:"version" doc:"Counts changes of the configuration; the ETag"`
	CreatedAt time.Time     `json:"created_at"`
	Operation string        `json:"operation,omitempty" doc:"What is still being done, see /v1/operations, in the answer that began it"`
}

// TenantDetail is all there is to tell of a tenant.
type TenantDetail struct {
	Tenant
	AwakeBecause  []string          `json:"awake_because" nullable:"false" doc:"What keeps it awake now"`
	LastActiveAt  *time.Time        `json:"last_active_at" doc:"When it last had work"`
	Hostnames     []string          `json:"hostnames" nullable:"false" doc:"Its own host names"`
	Labels        map[string]string `json:"labels" doc:"The operator's, to select by"`
	Settings      map[string]string `json:"settings" doc:"The application's own"`
	Postgres      map[string]string `json:"postgres" doc:"Server settings of its Postgres"`
	PGVersion     int               `json:"pg_version" doc:"The major version asked for, 0 for the newest"`
	PoolMode      string            `json:"pool_mode" doc:"session, transaction, or empty for the proxy's default"`
	IdleTimeout   string            `json:"idle_timeout" doc:"How long it has no work before it is suspended, 0 for ever; empty for the proxy's default"`
	SchemaVersion *string           `json:"schema_version" doc:"The last migration of the application that it has"`
	Quota         map[string]any    `json:"quota" nullable:"true" doc:"Its limits"`
	Failure       string            `json:"failure,omitempty" doc:"Why its state is failed"`
	UpdatedAt     time.Time         `json:"updated_at"`
	DeletedAt     *time.Time        `json:"deleted_at,omitempty" doc:"When it was deleted"`
	Backend       map[string]any    `json:"backend" doc:"Where its Postgres is: what the driver tells of it"`
}

// TenantAction is a tenant after an operation that may be repeated.
type TenantAction struct {
	Tenant
	Status string `json:"status" doc:"The state reached, or already_ and the state where there was nothing to do"`
}

// TenantPath is the input of every operation on one tenant. (Exported because
// huma does not look into embedded structs that are not.)
type TenantPath struct {
	ID string `path:"id" doc:"The tenant" example:"acme"`
}

// actionOutput is the output of such an operation.
type actionOutput struct {
	Body TenantAction
}

// lookup finds the tenant named in a path, a deleted one too.
func (a *api) lookup(ctx context.Context, name string) (*catalog.Tenant, error) {
	id, err := catalog.ParseTenantID(name)
	if err != nil { // no tenant can have that name
		return nil, problemf(http.StatusNotFound, "%v", err)
	}
	t, err := a.Store.Lookup(ctx, id)
	if errors.Is(err, catalog.ErrNotFound) {
		return nil, problemf(http.StatusNotFound, "there is no tenant %q", id)
	}
	return t, err
}

// living finds a tenant that is not deleted.
func (a *api) living(ctx context.Context, name string) (*catalog.Tenant, error) {
	t, err := a.lookup(ctx, name)
	if err != nil {
		return nil, err
	}
	return t, checkLiving(t)
}

// operable finds a tenant whose Postgres may be woken to write to it.
func (a *api) operable(ctx context.Context, name string) (*catalog.Tenant, error) {
	t, err := a.living(ctx, name)
	if err != nil {
		return nil, err
	}
	switch t.State {
	case catalog.Provisioning, catalog.Failed:
		return nil, problemf(http.StatusConflict, "tenant %s is %s", t.ID, t.State).hint("Wake it first.")
	case catalog.Paused:
		return nil, problemf(http.StatusConflict, "tenant %s is paused", t.ID).hint("Resume it first.")
	}
	return t, nil
}

func checkLiving(t *catalog.Tenant) error {
	if t.Deleted() {
		return problemf(http.StatusConflict, "tenant %s is deleted", t.ID).hint("Undelete it first.")
	}
	return nil
}

// brief is t as an answer shows it, password only if one was just made.
func (a *api) brief(t *catalog.Tenant, password string) Tenant {
	return Tenant{
		ID:        string(t.ID),
		State:     t.State,
		Driver:    t.Driver,
		Region:    t.Region,
		URL:       a.URL(t, mainRole(t), password, mainDatabase(t)),
		Version:   t.Version,
		CreatedAt: t.CreatedAt.UTC(),
	}
}

// detail is everything about t. A driver that cannot tell leaves Backend empty:
// the record is worth reading all the same.
func (a *api) detail(ctx context.Context, t *catalog.Tenant) TenantDetail {
	detail := TenantDetail{
		Tenant:       a.brief(t, ""),
		AwakeBecause: append([]string{}, a.Sessions.AwakeBecause(t.ID)...),
		LastActiveAt: timeOrNull(t.LastActiveAt),
		Hostnames:    append([]string{}, t.Hostnames...),
		Labels:       mapOrEmpty(t.Labels),
		Settings:     mapOrEmpty(t.Settings),
		Postgres:     mapOrEmpty(t.Postgres),
		PGVersion:    t.PGVersion,
		PoolMode:     t.PoolMode,
		IdleTimeout:  t.IdleTimeout,
		Failure:      t.Failure,
		UpdatedAt:    t.UpdatedAt.UTC(),
		DeletedAt:    timeOrNull(t.DeletedAt),
		Backend:      map[string]any{},
	}
	status, err := a.Instances.Status(ctx, t)
	if err != nil {
		a.Log.Warn("cannot look at the tenant's instance", "tenant", t.ID, "error", err)
	} else if status.Details != nil {
		detail.Backend = status.Details
	}
	return detail
}

// acted is the answer to an operation that reached t's state, or found it.
func (a *api) acted(t *catalog.Tenant, already bool) *actionOutput {
	status := string(t.State)
	if already {
		status = "already_" + status
	}
	return &actionOutput{Body: TenantAction{Tenant: a.brief(t, ""), Status: status}}
}

// The role and the database that every tenant starts with.
const (
	defaultRole     = "app"
	defaultDatabase = "app"
)

// mainRole is the role in the tenant's own URL.
func mainRole(t *catalog.Tenant) string {
	if _, ok := t.Roles[defaultRole]; ok || len(t.Roles) == 0 {
		return defaultRole
	}
	return slices.Min(slices.Collect(maps.Keys(t.Roles)))
}

// mainDatabase is the database in the tenant's own URL.
func mainDatabase(t *catalog.Tenant) string {
	if slices.Contains(t.Databases, defaultDatabase) || len(t.Databases) == 0 {
		return defaultDatabase
	}
	return t.Databases[0]
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func mapOrEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
