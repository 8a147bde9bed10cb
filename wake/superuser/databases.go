package superuser

import (
	"context"
	"fmt"
	"slices"
)

// Databases lists the tenant's databases by the names that the instance has for
// them, without postgres and the templates.
func (c *Conn) Databases(ctx context.Context) ([]string, error) {
	return c.strings(ctx, "list databases",
		"SELECT datname::text FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' AND "+c.owns("datname")+" ORDER BY 1")
}

// EnsureDatabase makes the database with this owner. One that exists is left as
// it is; in an instance that tenants share, it is closed to other tenants' roles.
func (c *Conn) EnsureDatabase(ctx context.Context, name, owner string) error {
	if reservedDatabase(name) {
		return fmt.Errorf("make database %q: %w", name, ErrReserved)
	}
	what := fmt.Sprintf("make database %q", name)
	if c.endpoint.Share.Shared() {
		return c.ensureSharedDatabase(ctx, what, name, owner)
	}
	exists, err := c.strings(ctx, what, "SELECT datname::text FROM pg_database WHERE datname = $1", name)
	if err != nil || len(exists) > 0 {
		return err
	}
	err = c.exec(ctx, what, "CREATE DATABASE "+quote(name)+" OWNER "+quote(owner))
	if hasCode(err, "42P04", "23505") { // somebody else was first
		return nil
	}
	return err
}

// DropDatabase drops the database and ends the sessions in it. One that is not
// there is none to drop.
func (c *Conn) DropDatabase(ctx context.Context, name string) error {
	if reservedDatabase(name) {
		return fmt.Errorf("drop database %q: %w", name, ErrReserved)
	}
	return c.exec(ctx, fmt.Sprintf("drop database %q", name), "DROP DATABASE IF EXISTS "+quote(c.endpoint.Share.Database(name))+" WITH (FORCE)")
}

// EnsureExtension makes an extension in a database: where it says so itself, else
// in the schema public. Which ones a tenant may have is the caller's to say.
func (c *Conn) EnsureExtension(ctx context.Context, database, name string) error {
	what := fmt.Sprintf("make extension %q in database %q", name, database)
	there, err := Connect(ctx, c.endpoint, c.endpoint.Share.Database(database))
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer there.Close()
	return there.exec(ctx, what, "SET LOCAL search_path = public; CREATE EXTENSION IF NOT EXISTS "+quote(name)+" CASCADE")
}

func reservedDatabase(name string) bool {
	return slices.Contains([]string{"", "postgres", "template0", "template1"}, name)
}
