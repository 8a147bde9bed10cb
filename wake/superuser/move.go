package superuser

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"postern/wake"
)

// Major is the server's major version.
func (c *Conn) Major() int {
	major, err := strconv.Atoi(leadingDigits(c.pg.PgConn().ParameterStatus("server_version")))
	if err != nil {
		return 0
	}
	return major
}

// RoleNames lists the tenant's roles as the tenant calls them, whether they can log
// in or not.
func (c *Conn) RoleNames(ctx context.Context) ([]string, error) {
	roles, err := c.strings(ctx, "list roles", `SELECT rolname::text FROM pg_authid
		WHERE rolname <> 'postgres' AND rolname !~ '^pg_' AND `+c.ownsRole("rolname")+` ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	for i, role := range roles {
		roles[i], _ = c.endpoint.Share.TenantRole(role)
	}
	return roles, nil
}

// EnsureNames makes those of the tenant's roles that are not there. They cannot log
// in.
func (c *Conn) EnsureNames(ctx context.Context, names []string) error {
	existing, err := c.RoleNames(ctx)
	if err != nil {
		return err
	}
	there := make(map[string]bool)
	for _, name := range existing {
		there[name] = true
	}
	for _, name := range names {
		if there[name] {
			continue
		}
		what := fmt.Sprintf("make role %q", name)
		if err := c.checkRole(name); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if err := c.exec(ctx, what, "CREATE ROLE "+quote(c.endpoint.Share.Role(name))+" NOLOGIN"); err != nil {
			return err
		}
	}
	return nil
}

// CallRoles gives the tenant's roles the names that they have in another share, for
// a dump that speaks of them so; CallRolesBack ends that.
func (c *Conn) CallRoles(ctx context.Context, names []string, as wake.Share) error {
	sql := c.renaming(names, c.endpoint.Share, as)
	if as.Shared() {
		sql += "CREATE ROLE " + quote(as.Members()) + " NOLOGIN; CREATE ROLE " + quote(as.Readers()) + " NOLOGIN"
	}
	return c.exec(ctx, "rename roles", sql)
}

// CallRolesBack is the reverse of CallRoles. What the other share's groups were
// given goes.
func (c *Conn) CallRolesBack(ctx context.Context, names []string, from wake.Share) error {
	if err := c.exec(ctx, "rename roles back", c.renaming(names, from, c.endpoint.Share)); err != nil || !from.Shared() {
		return err
	}
	groups := quote(from.Members()) + ", " + quote(from.Readers())
	databases, err := c.Databases(ctx)
	if err != nil {
		return err
	}
	for _, database := range append(databases, "postgres") {
		if err := c.in(ctx, database, "drop groups", "DROP OWNED BY "+groups); err != nil {
			return err
		}
	}
	return c.exec(ctx, "drop groups", "DROP ROLE "+groups)
}

func (c *Conn) renaming(names []string, from, to wake.Share) (sql string) {
	for _, name := range names {
		if from.Role(name) != to.Role(name) {
			sql += "ALTER ROLE " + quote(from.Role(name)) + " RENAME TO " + quote(to.Role(name)) + ";"
		}
	}
	return sql
}

// Settle finishes databases that were restored: in an instance that tenants share,
// readers are let in, and everywhere the planner learns what there is.
func (c *Conn) Settle(ctx context.Context) error {
	if c.endpoint.Share.Shared() {
		if err := c.letReadersInEverywhere(ctx); err != nil {
			return err
		}
	}
	databases, err := c.Databases(ctx)
	if err != nil {
		return err
	}
	for _, database := range databases {
		if err := c.in(ctx, database, "analyze database", "ANALYZE"); err != nil {
			return err
		}
	}
	return nil
}

// in runs one statement in a database, by the instance's name for it.
func (c *Conn) in(ctx context.Context, database, what, sql string) error {
	there, err := Connect(ctx, c.endpoint, database)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer there.Close()
	return there.exec(ctx, what, sql)
}

// Membership says that one role of the tenant is a member of another. The names are
// the instance's.
type Membership struct {
	Role, Member string
	Admin        bool // may pass it on
}

// Memberships lists those among the tenant's roles.
func (c *Conn) Memberships(ctx context.Context) ([]Membership, error) {
	rows, err := c.pg.Query(ctx, `
		SELECT r.rolname::text, m.rolname::text, bool_or(a.admin_option)
		  FROM pg_auth_members a
		  JOIN pg_authid r ON r.oid = a.roleid
		  JOIN pg_authid m ON m.oid = a.member
		 WHERE r.rolname !~ '^pg_' AND m.rolname <> 'postgres' AND r.rolname <> 'postgres'
		   AND `+c.ownsRole("r.rolname")+` AND `+c.ownsRole("m.rolname")+`
		 GROUP BY 1, 2`)
	if err != nil {
		return nil, fmt.Errorf("read memberships: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Membership])
	if err != nil {
		return nil, fmt.Errorf("read memberships: %w", err)
	}
	return found, nil
}

// Grant makes a membership.
func (c *Conn) Grant(ctx context.Context, m Membership) error {
	sql := "GRANT " + quote(m.Role) + " TO " + quote(m.Member)
	if m.Admin {
		sql += " WITH ADMIN OPTION"
	}
	return c.exec(ctx, "grant membership", sql)
}
