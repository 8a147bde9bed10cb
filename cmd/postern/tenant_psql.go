package main

import (
	"fmt"
	"os/exec"

	"github.com/spf13/cobra"

	"postern/catalog/api"
	"postern/catalog/api/client"
)

func newTenantPsqlCommand(a *app, c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "psql ID [-- ARGUMENT…]",
		Short: "Run psql as the superuser of a tenant's Postgres",
		Long: "Wake a tenant and run psql as its superuser over its private socket, on the\n" +
			"machine where it runs. What stands behind -- goes to psql.",
		Args: func(cmd *cobra.Command, args []string) error {
			dash := cmd.ArgsLenAtDash()
			if dash < 0 {
				dash = len(args)
			}
			return arguments("ID")(cmd, args[:dash])
		},
	}
	database := cmd.Flags().StringP("database", "d", "app", "the `database` to connect to")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		tenant, err := ask(c, func(postern *client.Client) (*api.TenantDetail, error) {
			if _, err := postern.WakeTenant(cmd.Context(), args[0]); err != nil {
				return nil, err
			}
			return postern.GetTenant(cmd.Context(), args[0])
		})
		if err != nil {
			return err
		}
		socketDir, ok := tenant.Backend["socket_dir"].(string)
		if !ok {
			return fmt.Errorf("tenant %s has no private socket: driver %s runs no Postgres on this machine", tenant.ID, tenant.Driver)
		}
		if shared, ok := tenant.Backend["databases"].(map[string]any); ok { // it shares the instance with others
			if *database, ok = shared[*database].(string); !ok {
				return fmt.Errorf("tenant %s has no such database", tenant.ID)
			}
		}
		psql, err := findPsql()
		if err != nil {
			return err
		}
		arguments := append([]string{
			"psql",
			"--host=" + socketDir,
			fmt.Sprintf("--port=%v", tenant.Backend["port"]),
			"--username=" + superuserRole,
			"--dbname=" + *database,
		}, args[1:]...)
		return fmt.Errorf("run %s: %w", psql, a.exec(psql, arguments, a.env))
	}
	return cmd
}

// superuserRole is the role that Postern itself uses in the instances it runs.
const superuserRole = "postgres"

func findPsql() (string, error) {
	path, err := exec.LookPath("psql")
	if err != nil {
		return "", &exitError{
			code: exitUsage,
			err:  fmt.Errorf("find psql: %w", err),
			hint: "Install the package postgresql-client.",
		}
	}
	return path, nil
}
