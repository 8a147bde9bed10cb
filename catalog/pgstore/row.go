package pgstore

import (
	"crypto/sha256"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/catalog"
)

// selectTenants reads whole records, with what belongs to them gathered up.
const selectTenants = `
select
	t.id, t.uid, t.version,
	t.state, t.generation, t.owner, t.deadline, t.failure,
	t.driver, t.region, t.labels, t.settings, t.postgres, t.pg_version, t.pool_mode, t.idle_timeout, t.backend, t.databases,
	t.created_at, t.updated_at, t.last_active_at, t.deleted_at,
	array(select x.hostname from postern.hostnames x where x.tenant = t.id order by x.position),
	(select coalesce(jsonb_agg(to_jsonb(x)), '[]') from postern.roles x where x.tenant = t.id),
	(select coalesce(jsonb_agg(to_jsonb(x)), '[]') from postern.greetings x where x.tenant = t.id)
from postern.tenants t `

// roleRow is a row of postern.roles as JSON.
type roleRow struct {
	Name       string     `json:"name"`
	Verifier   string     `json:"verifier"`
	CanLogin   bool       `json:"can_login"`
	ValidUntil *time.Time `json:"valid_until"`
	ReadOnly   bool       `json:"read_only"`
}

// greetingRow is a row of postern.greetings as JSON.
type greetingRow struct {
	Role       string            `json:"role"`
	Database   string            `json:"database"`
	Settings   map[string]string `json:"settings"`
	Parameters map[string]string `json:"parameters"`
}

// backendColumn is tenants.backend.
type backendColumn struct {
	Host     string `json:"host"`
	Port     int    `json:"port"`
	TLS      string `json:"tls"`
	RootCert string `json:"root_cert"`
}

// scanTenant reads a row of selectTenants.
func scanTenant(row pgx.CollectableRow) (*catalog.Tenant, error) {
	var t catalog.Tenant
	var deadline, lastActiveAt, deletedAt *time.Time
	var backend backendColumn
	var roles []roleRow
	var greetings []greetingRow
	err := row.Scan(
		&t.ID, &t.UID, &t.Version,
		&t.State, &t.Generation, &t.Owner, &deadline, &t.Failure,
		&t.Driver, &t.Region, &t.Labels, &t.Settings, &t.Postgres, &t.PGVersion, &t.PoolMode, &t.IdleTimeout, &backend, &t.Databases,
		&t.CreatedAt, &t.UpdatedAt, &lastActiveAt, &deletedAt,
		&t.Hostnames, &roles, &greetings,
	)
	if err != nil {
		return nil, err
	}
	t.Deadline, t.LastActiveAt, t.DeletedAt = timeOf(deadline), timeOf(lastActiveAt), timeOf(deletedAt)
	t.CreatedAt, t.UpdatedAt = t.CreatedAt.UTC(), t.UpdatedAt.UTC()
	t.Backend = catalog.Backend(backend)
	t.Roles = make(map[string]catalog.Role, len(roles))
	for _, r := range roles {
		t.Roles[r.Name] = catalog.Role{
			Name: r.Name, Verifier: r.Verifier, CanLogin: r.CanLogin, ValidUntil: timeOf(r.ValidUntil), ReadOnly: r.ReadOnly,
		}
	}
	t.Greetings = make(map[string]catalog.Greeting, len(greetings))
	for _, row := range greetings {
		g := catalog.Greeting(row)
		t.Greetings[g.Key()] = g
	}
	return &t, nil
}

// roleRows are the rows for t's roles.
func roleRows(t *catalog.Tenant) []roleRow {
	rows := make([]roleRow, 0, len(t.Roles))
	for _, r := range t.Roles {
		rows = append(rows, roleRow{r.Name, r.Verifier, r.CanLogin, column(r.ValidUntil), r.ReadOnly})
	}
	return rows
}

// greetingKey fits an index however long the settings are.
func greetingKey(g catalog.Greeting) []byte {
	sum := sha256.Sum256([]byte(g.Key()))
	return sum[:]
}

// column is a time as a nullable column has it, and timeOf the reverse.
func column(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
