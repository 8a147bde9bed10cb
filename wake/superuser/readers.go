package superuser

import (
	"context"
	"fmt"
)

// letReadersInEverywhere is letReadersIn for every database of the tenant that
// takes connections.
func (c *Conn) letReadersInEverywhere(ctx context.Context) error {
	databases, err := c.strings(ctx, "list databases",
		"SELECT datname::text FROM pg_database WHERE datallowconn AND "+c.owns("datname"))
	if err != nil {
		return err
	}
	for _, database := range databases {
		if err := c.letReadersIn(ctx, database); err != nil {
			return err
		}
	}
	return nil
}

// letReadersIn gives the tenant's group of readers, in an instance that tenants
// share, the right to read everything in a database: what is there, and what the
// tenant's roles will make. The name is the instance's.
func (c *Conn) letReadersIn(ctx context.Context, database string) error {
	share := c.endpoint.Share
	there, err := Connect(ctx, c.endpoint, database)
	if err != nil {
		return err
	}
	defer there.Close()
	return there.exec(ctx, fmt.Sprintf("let readers into database %q", database), fmt.Sprintf(`
		DO $do$
		DECLARE
			name text;
			readers CONSTANT text := %[1]s;
		BEGIN
			FOR name IN SELECT rolname FROM pg_authid WHERE %[2]s LOOP
				EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %%I GRANT USAGE ON SCHEMAS TO %%I', name, readers);
				EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %%I GRANT SELECT ON TABLES TO %%I', name, readers);
				EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %%I GRANT SELECT ON SEQUENCES TO %%I', name, readers);
			END LOOP;
			FOR name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
				EXECUTE format('GRANT USAGE ON SCHEMA %%I TO %%I', name, readers);
				EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %%I TO %%I', name, readers);
				EXECUTE format('GRANT SELECT ON ALL SEQUENCES IN SCHEMA %%I TO %%I', name, readers);
			END LOOP;
		END $do$`, literal(share.Readers()), c.ownsRole("rolname")))
}
