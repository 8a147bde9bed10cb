package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"postern/catalog/api"
	"postern/catalog/api/client"
)

func newTenantPauseCommand(a *app, c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pause ID",
		Short: "Refuse a tenant's clients until it is resumed",
		Long: "Refuse new logins and the next statement of open clients (SQLSTATE 57P03).\n" +
			"Running work ends in its own time, then the tenant's Postgres stops. A pause\n" +
			"outlasts restarts.",
	}
	timeout := cmd.Flags().Duration("timeout", 30*time.Second, "how long to wait for running work; the pause counts anyway")
	return actOnTenant(a, c, cmd, nil, func(ctx context.Context, postern *client.Client, id string) (*api.TenantAction, error) {
		return postern.PauseTenant(ctx, id, *timeout)
	})
}

func newTenantResumeCommand(a *app, c *connection) *cobra.Command {
	return actOnTenant(a, c, &cobra.Command{
		Use:   "resume ID",
		Short: "End a pause",
		Long:  "End a pause. The tenant sleeps on until a client has a query for it.",
	}, nil, func(ctx context.Context, postern *client.Client, id string) (*api.TenantAction, error) {
		return postern.ResumeTenant(ctx, id)
	})
}
