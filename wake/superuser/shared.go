package superuser

import "context"

// sharedTemplate is what the databases of an instance that tenants share are made
// of.
const sharedTemplate = "postern_template"

// veils take from everybody, in each database made of the template, what would
// tell of other tenants: settings of roles and databases may hold secrets, sessions
// have application names, prepared transactions have names. The shared catalogs
// themselves, with names that tell nothing, stay readable; tools need them.
const veils = `
	REVOKE ALL ON pg_db_role_setting FROM PUBLIC;
	REVOKE ALL ON pg_roles, pg_user FROM PUBLIC;
	GRANT SELECT (rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication,
	              rolconnlimit, rolpassword, rolvaliduntil, rolbypassrls, oid) ON pg_roles TO PUBLIC;
	GRANT SELECT (usename, usesysid, usecreatedb, usesuper, userepl, usebypassrls, passwd, valuntil) ON pg_user TO PUBLIC;
	REVOKE EXECUTE ON FUNCTION pg_stat_get_activity(integer) FROM PUBLIC;
	REVOKE EXECUTE ON FUNCTION pg_prepared_xact() FROM PUBLIC;
	REVOKE EXECUTE ON FUNCTION pg_get_replication_slots() FROM PUBLIC`

// PrepareShared makes an instance fit for tenants to share, once and for all: no
// role may connect to a database that is not its tenant's, and there is a template
// for those. The role and the database app go, which a new instance has.
func (c *Conn) PrepareShared(ctx context.Context) error {
	const what = "prepare the shared instance"
	done, err := c.strings(ctx, what, "SELECT datname::text FROM pg_database WHERE datistemplate AND datname = $1", sharedTemplate)
	if err != nil || len(done) > 0 {
		return err
	}
	for _, sql := range []string{
		"DROP DATABASE IF EXISTS app WITH (FORCE)",
		"DROP ROLE IF EXISTS app",
		"REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC",
		"DROP DATABASE IF EXISTS " + sharedTemplate + " WITH (FORCE)",
		"CREATE DATABASE " + sharedTemplate,
	} {
		if err := c.exec(ctx, what, sql); err != nil {
			return err
		}
	}
	if err := c.veil(ctx); err != nil {
		return err
	}
	return c.exec(ctx, what, "REVOKE ALL ON DATABASE "+sharedTemplate+" FROM PUBLIC;"+
		"ALTER DATABASE "+sharedTemplate+" ALLOW_CONNECTIONS false IS_TEMPLATE true")
}

func (c *Conn) veil(ctx context.Context) error {
	there, err := Connect(ctx, c.endpoint, sharedTemplate)
	if err != nil {
		return err
	}
	defer there.Close()
	return there.exec(ctx, "veil other tenants", veils)
}
