package proxy_test

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postern/catalog"
	"postern/proxy/pgtest"
)

// readRoles reads the login roles of a server, or none if that fails.
func readRoles(ctx context.Context, pg *pgtest.Postgres) map[string]catalog.Role {
	found := make(map[string]catalog.Role)
	conn, err := pgx.Connect(ctx, pg.DSN("postgres", "postgres"))
	if err != nil {
		return found
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "select rolname, coalesce(rolpassword, ''), rolcanlogin from pg_authid where rolname !~ '^pg_'")
	if err != nil {
		return found
	}
	for rows.Next() {
		var r catalog.Role
		if rows.Scan(&r.Name, &r.Verifier, &r.CanLogin) == nil {
			found[r.Name] = r
		}
	}
	return found
}
