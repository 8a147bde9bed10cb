package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"postern/catalog/api"
	"postern/catalog/api/client"
)

func newTenantRoleCommand(a *app, c *connection) *cobra.Command {
	return newGroup("role", "Make, list and drop a tenant's login roles",
		newTenantRoleCreateCommand(a, c),
		newTenantRoleListCommand(a, c),
		newTenantRoleDropCommand(a, c),
	)
}

func newTenantRoleCreateCommand(a *app, c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create ID ROLE",
		Short: "Make a login role and print how to connect as it",
		Long: "Make a login role and print the connection string with its password, the only\n" +
			"time that it is shown. This wakes the tenant.",
		Args: arguments("ID", "ROLE"),
	}
	var request api.CreateRole
	cmd.Flags().BoolVar(&request.ReadOnly, "read-only", false, "with the right to read alone")
	passwordStdin := addPasswordStdin(cmd)
	output := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		request.Name = args[1]
		if request.Password, err = a.readPassword(cmd.Context(), *passwordStdin); err != nil {
			return err
		}
		role, err := ask(c, func(postern *client.Client) (*api.CreatedRole, error) {
			return postern.CreateRole(cmd.Context(), args[0], request)
		})
		if err != nil {
			return err
		}
		return output.text(a.stdout, role, func(w io.Writer) {
			fmt.Fprintf(a.stderr, "Tenant %s has a role %s. Its password is shown this once:\n", role.Tenant, role.Name)
			fmt.Fprintln(w, role.URL)
		})
	}
	return cmd
}

func newTenantRoleListCommand(a *app, c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list ID",
		Short: "List a tenant's login roles",
		Long:  "List a tenant's login roles as the catalog knows them. That wakes nobody.",
		Args:  arguments("ID"),
	}
	output := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		list, err := ask(c, func(postern *client.Client) (*api.RoleList, error) {
			return postern.ListRoles(cmd.Context(), args[0])
		})
		if err != nil {
			return err
		}
		return output.table(a.stdout, list, func(w io.Writer) {
			row(w, "NAME", "LOGIN", "PASSWORD", "READ ONLY", "VALID UNTIL")
			for _, role := range list.Roles {
				row(w, role.Name, role.CanLogin, role.HasPassword, role.ReadOnly, role.ValidUntil)
			}
		})
	}
	return cmd
}

func newTenantRoleDropCommand(a *app, c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "drop ID ROLE",
		Short: "Drop a login role and end its sessions",
		Long:  "Drop a login role and end its sessions. What it owned goes to the role app.\nThis wakes the tenant.",
	}
	return dropFromTenant(a, c, cmd, "role", func(cmd *cobra.Command, postern *client.Client, id, name string) (*api.Dropped, error) {
		return postern.DropRole(cmd.Context(), id, name)
	})
}

// dropFromTenant makes cmd one that drops a named thing of a tenant, after asking.
func dropFromTenant(a *app, c *connection, cmd *cobra.Command, what string, drop func(cmd *cobra.Command, postern *client.Client, id, name string) (*api.Dropped, error)) *cobra.Command {
	cmd.Args = arguments("ID", strings.ToUpper(what))
	yes := addYes(cmd)
	output := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := a.confirm(cmd.Context(), *yes, "Drop %s %s of tenant %s?", what, args[1], args[0]); err != nil {
			return err
		}
		dropped, err := ask(c, func(postern *client.Client) (*api.Dropped, error) {
			return drop(cmd, postern, args[0], args[1])
		})
		if err != nil {
			return err
		}
		return output.table(a.stdout, dropped, func(w io.Writer) {
			row(w, "TENANT", "NAME", "STATUS")
			row(w, dropped.Tenant, dropped.Name, dropped.Status)
		})
	}
	return cmd
}
