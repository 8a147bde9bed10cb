package superuser

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"postern/catalog"
	"postern/wake"
)

// ErrReserved: the name belongs to PostgreSQL or to Postern itself.
var ErrReserved = errors.New("name is reserved")

// ErrNotVerifier: a role's secret is in another form than SCRAM-SHA-256.
var ErrNotVerifier = errors.New("not a SCRAM-SHA-256 verifier")

// verifierForm is how PostgreSQL writes a SCRAM verifier. Anything else it
// would take for a password and hash.
var verifierForm = regexp.MustCompile(`^SCRAM-SHA-256\$[1-9][0-9]*:[A-Za-z0-9+/]+=*\$[A-Za-z0-9+/]+=*:[A-Za-z0-9+/]+=*$`)

// RoleSpec is a role to make.
type RoleSpec struct {
	Name string
	// Verifier is a SCRAM-SHA-256 verifier; "" leaves the password as it is.
	Verifier string
	// NoLogin keeps the role out.
	NoLogin bool
	// ValidUntil is when its password stops being good; zero leaves that as it is.
	ValidUntil time.Time
	// CreateDB lets the role make databases.
	CreateDB bool
	// ReadOnly gives the right to read everything (pg_read_all_data), and
	// makes its transactions read-only unless it asks otherwise.
	ReadOnly bool
}

// Roles returns every role of the tenant that can log in or has a password, as
// pg_authid has it, but for the superuser postgres and PostgreSQL's own.
func (c *Conn) Roles(ctx context.Context) (map[string]catalog.Role, error) {
	share := c.endpoint.Share
	rows, err := c.pg.Query(ctx, `
		SELECT r.rolname::text,
		       CASE WHEN r.rolpassword LIKE 'SCRAM-SHA-256$%' THEN r.rolpassword ELSE '' END,
		       r.rolcanlogin,
		       r.rolvaliduntil,
		       EXISTS (SELECT FROM pg_db_role_setting s
		                WHERE s.setrole = r.oid AND s.setdatabase = 0
		                  AND 'default_transaction_read_only=on' = ANY (s.setconfig))
		       AND EXISTS (SELECT FROM pg_auth_members m
		                    WHERE m.member = r.oid AND m.roleid = (SELECT oid FROM pg_authid WHERE rolname = $1))
		  FROM pg_authid r
		 WHERE (r.rolcanlogin OR r.rolpassword IS NOT NULL)
		   AND r.rolname <> 'postgres' AND r.rolname NOT LIKE 'pg\_%' AND `+c.ownsRole("r.rolname"),
		c.readers())
	if err != nil {
		return nil, fmt.Errorf("read roles: %w", err)
	}
	roles := make(map[string]catalog.Role)
	var role catalog.Role
	var until pgtype.Timestamptz
	_, err = pgx.ForEachRow(rows, []any{&role.Name, &role.Verifier, &role.CanLogin, &until, &role.ReadOnly}, func() error {
		role.ValidUntil = validUntil(until)
		role.Name, _ = share.TenantRole(role.Name)
		roles[role.Name] = role
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read roles: %w", err)
	}
	return roles, nil
}

// validUntil is zero for no limit.
func validUntil(t pgtype.Timestamptz) time.Time {
	switch {
	case !t.Valid, t.InfinityModifier == pgtype.Infinity:
		return time.Time{}
	case t.InfinityModifier == pgtype.NegativeInfinity:
		return time.Unix(0, 0).UTC() // long ago
	}
	return t.Time.UTC()
}

// EnsureRole makes the role, or gives one that exists the attributes of the
// specification, and NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS.
// What else it was given stays. In an instance that tenants share, no role may make
// databases, and names are at most wake.MaxSharedRole bytes long.
func (c *Conn) EnsureRole(ctx context.Context, r RoleSpec) error {
	if err := c.checkRole(r.Name); err != nil {
		return fmt.Errorf("make role %q: %w", r.Name, err)
	}
	if r.Verifier != "" && !verifierForm.MatchString(r.Verifier) {
		return fmt.Errorf("make role %q: %w", r.Name, ErrNotVerifier)
	}
	share := c.endpoint.Share
	name := share.Role(r.Name)
	exists, err := c.strings(ctx, "look up role", "SELECT rolname::text FROM pg_authid WHERE rolname = $1", name)
	if err != nil {
		return err
	}
	verb := "CREATE"
	if len(exists) > 0 {
		verb = "ALTER"
	}
	attributes := " LOGIN"
	if r.NoLogin {
		attributes = " NOLOGIN"
	}
	attributes += " NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS"
	if r.CreateDB && !share.Shared() {
		attributes += " CREATEDB"
	} else {
		attributes += " NOCREATEDB"
	}
	if share.Shared() {
		attributes += connectionLimit(share)
	}
	if r.Verifier != "" {
		attributes += " PASSWORD " + literal(r.Verifier)
	}
	if !r.ValidUntil.IsZero() {
		attributes += " VALID UNTIL " + literal(r.ValidUntil.UTC().Format("2006-01-02 15:04:05.999999Z07:00"))
	}
	statements := verb + " ROLE " + quote(name) + attributes + ";"
	if share.Shared() {
		statements += "GRANT " + quote(share.Members()) + " TO " + quote(name) + ";"
	}
	if r.ReadOnly {
		statements += "GRANT " + quote(c.readers()) + " TO " + quote(name) + ";" +
			"ALTER ROLE " + quote(name) + " SET default_transaction_read_only = on;"
	}
	// Several statements in one message are one transaction.
	err = c.exec(ctx, fmt.Sprintf("make role %q", r.Name), statements)
	if verb == "CREATE" && hasCode(err, "42710", "23505") { // somebody else was first
		return c.EnsureRole(ctx, r)
	}
	if err == nil && share.Shared() {
		err = c.letReadersInEverywhere(ctx)
	}
	return err
}

// readers is the group of those that may read everything.
func (c *Conn) readers() string {
	if share := c.endpoint.Share; share.Shared() {
		return share.Readers() // pg_read_all_data would read pg_authid, with the verifiers of all
	}
	return "pg_read_all_data"
}

// DropRole ends the role's sessions and drops it. What it owned goes to heir,
// in every database. A role that is not there is none to drop.
func (c *Conn) DropRole(ctx context.Context, name, heir string) error {
	if err := c.checkRole(name); err != nil {
		return fmt.Errorf("drop role %q: %w", name, err)
	}
	if name == heir {
		return fmt.Errorf("drop role %q: it cannot inherit from itself", name)
	}
	what := fmt.Sprintf("drop role %q", name)
	role, heir := c.endpoint.Share.Role(name), c.endpoint.Share.Role(heir)
	exists, err := c.strings(ctx, what, "SELECT rolname::text FROM pg_authid WHERE rolname = $1", role)
	if err != nil || len(exists) == 0 {
		return err
	}
	err = c.exec(ctx, what, "ALTER ROLE "+quote(role)+" NOLOGIN;"+
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = "+literal(role))
	if err != nil {
		return err
	}
	databases, err := c.strings(ctx, what,
		"SELECT datname::text FROM pg_database WHERE datallowconn AND datname <> 'template1' AND "+c.owns("datname"))
	if err != nil {
		return err
	}
	for _, database := range databases {
		if err := c.disown(ctx, database, role, heir); err != nil {
			return fmt.Errorf("%s: in database %q: %w", what, database, err)
		}
	}
	return c.exec(ctx, what, "DROP ROLE IF EXISTS "+quote(role))
}

// disown passes on what a role owns in one database, and takes its rights there.
// The names are the instance's.
func (c *Conn) disown(ctx context.Context, database, role, heir string) error {
	there, err := Connect(ctx, c.endpoint, database)
	if err != nil {
		return err
	}
	defer there.Close()
	return there.exec(ctx, "reassign",
		"REASSIGN OWNED BY "+quote(role)+" TO "+quote(heir)+"; DROP OWNED BY "+quote(role))
}

// checkRole says what is wrong with the name of a tenant's role.
func (c *Conn) checkRole(name string) error {
	switch {
	case reservedRole(name):
		return ErrReserved
	case c.endpoint.Share.Shared() && len(name) > wake.MaxSharedRole:
		return fmt.Errorf("%w: the name is longer than %d bytes, the most in an instance that tenants share",
			wake.ErrUnsupported, wake.MaxSharedRole)
	}
	return nil
}

func reservedRole(name string) bool {
	return name == "" || name == "postgres" || name == "public" || name == "none" || len(name) >= 3 && name[:3] == "pg_"
}

// hasCode reports whether err is PostgreSQL's, with one of the SQLSTATEs.
func hasCode(err error, codes ...string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && slices.Contains(codes, pg.Code)
}
