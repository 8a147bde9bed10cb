package superuser

import (
	"context"
	"fmt"
	"strconv"

	"postern/wake"
)

// EnsureShare makes what a tenant needs in an instance that tenants share before
// it can have roles and databases there: its groups.
func (c *Conn) EnsureShare(ctx context.Context) error {
	share := c.endpoint.Share
	for _, group := range []string{share.Members(), share.Readers()} {
		what := fmt.Sprintf("make group %q", group)
		exists, err := c.strings(ctx, what, "SELECT rolname::text FROM pg_authid WHERE rolname = $1", group)
		if err != nil {
			return err
		}
		if len(exists) > 0 {
			continue
		}
		if err := c.exec(ctx, what, "CREATE ROLE "+quote(group)+" NOLOGIN"); err != nil && !hasCode(err, "42710", "23505") {
			return err
		}
	}
	return nil
}

// DropShare removes all that the tenant has in an instance that tenants share, and
// ends its sessions. What is not there is none to drop.
func (c *Conn) DropShare(ctx context.Context) error {
	const what = "drop the tenant's part of the instance"
	databases, err := c.Databases(ctx)
	if err != nil {
		return err
	}
	for _, database := range databases {
		if err := c.exec(ctx, what, "DROP DATABASE IF EXISTS "+quote(database)+" WITH (FORCE)"); err != nil {
			return err
		}
	}
	share := c.endpoint.Share
	roles, err := c.strings(ctx, what, "SELECT rolname::text FROM pg_authid WHERE "+c.ownsRole("rolname")+
		" OR rolname IN ("+literal(share.Members())+", "+literal(share.Readers())+")")
	if err != nil {
		return err
	}
	for _, role := range roles {
		if err := c.exec(ctx, what, "DROP ROLE IF EXISTS "+quote(role)); err != nil {
			return err
		}
	}
	return nil
}

// DropStrays removes the roles of an instance that tenants share which are no
// tenant's: names that begin otherwise. A move that was broken off leaves such.
func (c *Conn) DropStrays(ctx context.Context) error {
	const what = "drop roles that belong to nobody"
	strays, err := c.strings(ctx, what, `SELECT rolname::text FROM pg_authid
		WHERE rolname <> 'postgres' AND rolname !~ '^pg_' AND rolname !~ '^(t|r)_[0-9a-f]{12}(_|$)'`)
	if err != nil {
		return err
	}
	for _, role := range strays {
		if err := c.exec(ctx, what, "DROP ROLE IF EXISTS "+quote(role)); err != nil {
			return err
		}
	}
	return nil
}

// AllowShare lets clients connect to the tenant's databases, or no longer: those
// that are there are ended then.
func (c *Conn) AllowShare(ctx context.Context, allow bool) error {
	databases, err := c.Databases(ctx)
	if err != nil {
		return err
	}
	for _, database := range databases {
		what := fmt.Sprintf("open or close database %q", database)
		if err := c.exec(ctx, what, "ALTER DATABASE "+quote(database)+" ALLOW_CONNECTIONS "+strconv.FormatBool(allow)); err != nil {
			return err
		}
	}
	if allow {
		return nil
	}
	return c.TerminateClients(ctx)
}

// HasShare reports whether the tenant's database of that name is there.
func (c *Conn) HasShare(ctx context.Context, database string) (bool, error) {
	found, err := c.strings(ctx, "look up database", "SELECT datname::text FROM pg_database WHERE datname = $1",
		c.endpoint.Share.Database(database))
	return len(found) > 0, err
}

// ensureSharedDatabase makes a database that nobody but the tenant's roles can
// connect to, at no time.
func (c *Conn) ensureSharedDatabase(ctx context.Context, what, name, owner string) error {
	share := c.endpoint.Share
	database := share.Database(name)
	exists, err := c.strings(ctx, what, "SELECT datname::text FROM pg_database WHERE datname = $1", database)
	if err != nil {
		return err
	}
	if len(exists) == 0 {
		err := c.exec(ctx, what, "CREATE DATABASE "+quote(database)+" OWNER "+quote(share.Role(owner))+
			" TEMPLATE "+sharedTemplate+c.strategy()+" ALLOW_CONNECTIONS false"+connectionLimit(share))
		if err != nil && !hasCode(err, "42P04", "23505") { // somebody else was first
			return err
		}
	}
	err = c.exec(ctx, what, "REVOKE ALL ON DATABASE "+quote(database)+" FROM PUBLIC;"+
		"GRANT CONNECT, TEMPORARY ON DATABASE "+quote(database)+" TO "+quote(share.Members())+";"+
		"ALTER DATABASE "+quote(database)+" ALLOW_CONNECTIONS true")
	if err != nil {
		return err
	}
	return c.letReadersIn(ctx, database)
}

// strategy is how a small database is copied without a checkpoint of everybody's
// data: through the WAL. Before 15 there is no choice.
func (c *Conn) strategy() string {
	if c.Major() >= 15 {
		return " STRATEGY WAL_LOG"
	}
	return ""
}

func leadingDigits(s string) string {
	for i, r := range s {
		if r < '0' || r > '9' {
			return s[:i]
		}
	}
	return s
}

// connectionLimit is the attribute of roles and databases. Both have it: the owner
// of a database could change that of the database.
func connectionLimit(share wake.Share) string {
	if share.Connections == 0 {
		return " CONNECTION LIMIT -1"
	}
	return " CONNECTION LIMIT " + strconv.Itoa(share.Connections)
}
