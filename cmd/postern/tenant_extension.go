package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"postern/catalog/api"
	"postern/catalog/api/client"
)

func newTenantExtensionCommand(a *app, c *connection) *cobra.Command {
	return newGroup("extension", "Make extensions in a tenant's databases", newTenantExtensionCreateCommand(a, c))
}

func newTenantExtensionCreateCommand(a *app, c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create ID EXTENSION",
		Short: "Make an extension that the tenant's own roles may not make",
		Long: `Make an extension in one of a tenant's databases, as superuser. Only those are
possible that wake.process.extensions lists and that are installed with the
tenant's Postgres. Trusted ones a tenant makes by itself with CREATE EXTENSION.
This wakes the tenant.`,
		Args: arguments("ID", "EXTENSION"),
	}
	database := cmd.Flags().String("database", "app", "the `database` to make it in")
	output := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		created, err := ask(c, func(postern *client.Client) (*api.CreatedExtension, error) {
			return postern.CreateExtension(cmd.Context(), args[0], *database, api.CreateExtension{Name: args[1]})
		})
		if err != nil {
			return err
		}
		return output.text(a.stdout, created, func(w io.Writer) { fmt.Fprintln(w, created.Name) })
	}
	return cmd
}
