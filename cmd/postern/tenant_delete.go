package main

import (
	"context"

	"github.com/spf13/cobra"

	"postern/catalog/api"
	"postern/catalog/api/client"
)

func newTenantDeleteCommand(a *app, c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete ID",
		Short: "Delete a tenant",
		Long: "Delete a tenant. Its sessions end at once (SQLSTATE 57P01). Its data is kept for\n" +
			"wake.process.keep_deleted, and undelete brings it back; with --purge all is\n" +
			"gone for good and the id is free again.",
	}
	purge := cmd.Flags().Bool("purge", false, "remove its data for good")
	yes := addYes(cmd)
	check := func(id string) error {
		if *purge {
			return a.confirm(cmd.Context(), *yes, "Delete tenant %s and its data for good?", id)
		}
		return a.confirm(cmd.Context(), *yes, "Delete tenant %s?", id)
	}
	return actOnTenant(a, c, cmd, check, func(ctx context.Context, postern *client.Client, id string) (*api.TenantAction, error) {
		return postern.DeleteTenant(ctx, id, *purge)
	})
}

func newTenantUndeleteCommand(a *app, c *connection) *cobra.Command {
	return actOnTenant(a, c, &cobra.Command{
		Use:   "undelete ID",
		Short: "Bring a deleted tenant back while its data is kept",
	}, nil, func(ctx context.Context, postern *client.Client, id string) (*api.TenantAction, error) {
		return postern.UndeleteTenant(ctx, id)
	})
}
