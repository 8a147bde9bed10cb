package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"postern/catalog/api"
	"postern/catalog/api/client"
)

func newTenantWakeCommand(a *app, c *connection) *cobra.Command {
	return actOnTenant(a, c, &cobra.Command{
		Use:   "wake ID",
		Short: "Start a tenant's Postgres and wait until it is ready",
	}, nil, func(ctx context.Context, postern *client.Client, id string) (*api.TenantAction, error) {
		return postern.WakeTenant(ctx, id)
	})
}

func newTenantSuspendCommand(a *app, c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "suspend ID",
		Short: "Stop a tenant's Postgres when its work is done",
		Long: "Stop a tenant's Postgres and return when its process is gone. Running work is\n" +
			"waited for; if it does not end in time, nothing is stopped and the exit code\n" +
			"is 4. With --force it is ended (SQLSTATE 57P01), at once or after --timeout.\n" +
			"Clients without work stay connected: their next query wakes the tenant.",
	}
	timeout := cmd.Flags().Duration("timeout", 30*time.Second, "how long to wait for running work")
	force := cmd.Flags().Bool("force", false, "end running work; at once, unless --timeout is given")
	return actOnTenant(a, c, cmd, nil, func(ctx context.Context, postern *client.Client, id string) (*api.TenantAction, error) {
		request := api.SuspendTenant{Force: *force}
		if !*force || cmd.Flags().Changed("timeout") {
			request.Timeout = timeout.String()
		}
		return postern.SuspendTenant(ctx, id, request)
	})
}
