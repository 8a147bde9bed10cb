package superuser

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Setting is a setting that a role, a database, or a role in one database has. The
// names are the instance's; "" is all roles or databases.
type Setting struct {
	Role, Database string
	Name, Value    string
}

// Settings returns those of the tenant's roles and databases.
func (c *Conn) Settings(ctx context.Context) ([]Setting, error) {
	rows, err := c.pg.Query(ctx, `
		SELECT coalesce(r.rolname, '')::text, coalesce(d.datname, '')::text, unnest(s.setconfig)
		  FROM pg_db_role_setting s
		  LEFT JOIN pg_authid r ON r.oid = s.setrole
		  LEFT JOIN pg_database d ON d.oid = s.setdatabase
		 WHERE (s.setrole = 0 OR r.rolname <> 'postgres' AND `+c.ownsRole("r.rolname")+`)
		   AND (s.setdatabase = 0 OR `+c.owns("d.datname")+`)
		   AND (s.setrole <> 0 OR s.setdatabase <> 0)`)
	if err != nil {
		return nil, fmt.Errorf("read settings of roles and databases: %w", err)
	}
	var settings []Setting
	var s Setting
	var config string
	_, err = pgx.ForEachRow(rows, []any{&s.Role, &s.Database, &config}, func() error {
		s.Name, s.Value, _ = strings.Cut(config, "=")
		settings = append(settings, s)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read settings of roles and databases: %w", err)
	}
	return settings, nil
}

// Set makes a setting.
func (c *Conn) Set(ctx context.Context, s Setting) error {
	whose := "ALTER ROLE " + quote(s.Role)
	switch {
	case s.Role == "":
		whose = "ALTER DATABASE " + quote(s.Database)
	case s.Database != "":
		whose += " IN DATABASE " + quote(s.Database)
	}
	// FROM CURRENT takes the value as it is, whatever kind it is of.
	return c.exec(ctx, fmt.Sprintf("set %s", s.Name), "SELECT set_config("+literal(s.Name)+", "+literal(s.Value)+", true);"+
		whose+" SET "+quote(s.Name)+" FROM CURRENT")
}
