package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"postern/catalog/api"
	"postern/catalog/api/client"
)

func newTenantDatabaseCommand(a *app, c *connection) *cobra.Command {
	return newGroup("database", "Make, list and drop a tenant's databases",
		newTenantDatabaseCreateCommand(a, c),
		newTenantDatabaseListCommand(a, c),
		newTenantDatabaseDropCommand(a, c),
	)
}

func newTenantDatabaseCreateCommand(a *app, c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create ID DATABASE",
		Short: "Make a database and print how to connect to it, without the password",
		Long:  "Make a database and print how to connect to it, without the password. This\nwakes the tenant.",
		Args:  arguments("ID", "DATABASE"),
	}
	var request api.CreateDatabase
	cmd.Flags().StringVar(&request.Owner, "owner", "", "the `role` that owns it (default: the one in the tenant's url)")
	output := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		request.Name = args[1]
		database, err := ask(c, func(postern *client.Client) (*api.CreatedDatabase, error) {
			return postern.CreateDatabase(cmd.Context(), args[0], request)
		})
		if err != nil {
			return err
		}
		return output.text(a.stdout, database, func(w io.Writer) { fmt.Fprintln(w, database.URL) })
	}
	return cmd
}

func newTenantDatabaseListCommand(a *app, c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list ID",
		Short: "List a tenant's databases",
		Long:  "List a tenant's databases as the catalog knows them. That wakes nobody.",
		Args:  arguments("ID"),
	}
	output := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		list, err := ask(c, func(postern *client.Client) (*api.DatabaseList, error) {
			return postern.ListDatabases(cmd.Context(), args[0])
		})
		if err != nil {
			return err
		}
		return output.table(a.stdout, list, func(w io.Writer) {
			row(w, "NAME")
			for _, database := range list.Databases {
				row(w, database.Name)
			}
		})
	}
	return cmd
}

func newTenantDatabaseDropCommand(a *app, c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "drop ID DATABASE",
		Short: "Drop a database and end the sessions in it",
		Long:  "Drop a database with all that is in it, and end the sessions in it. This wakes\nthe tenant.",
	}
	return dropFromTenant(a, c, cmd, "database", func(cmd *cobra.Command, postern *client.Client, id, name string) (*api.Dropped, error) {
		return postern.DropDatabase(cmd.Context(), id, name)
	})
}
