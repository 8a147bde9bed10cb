package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"postern/catalog/api"
	"postern/catalog/api/client"
)

func newTenantMoveCommand(a *app, c *connection) *cobra.Command {
	var request api.MoveTenant
	cmd := &cobra.Command{
		Use:   "move ID",
		Short: "Have another driver run a tenant's Postgres",
		Long: "Copy a tenant's roles and databases to a Postgres of its own (process) or into\n" +
			"the instance that tenants share (database), by pg_dump and pg_restore. Its\n" +
			"clients stay connected: running transactions end first, and what is asked for\n" +
			"meanwhile waits. If that takes too long, or somebody keeps a server connection,\n" +
			"the tenant stays where it is.",
	}
	flags := cmd.Flags()
	flags.StringVar(&request.Driver, "driver", "", "the `driver` to move to: process or database")
	timeout := flags.Duration("timeout", 10*time.Minute, "how long the move may take, with the wait for running work")
	named := func(string) error {
		if request.Driver == "" {
			return usageErrorf("--driver is missing: say where the tenant is to move")
		}
		return nil
	}
	return actOnTenant(a, c, cmd, named, func(ctx context.Context, postern *client.Client, id string) (*api.TenantAction, error) {
		request.Timeout = timeout.String()
		return postern.MoveTenant(ctx, id, request)
	})
}
