package main

import (
	"io"

	"github.com/spf13/cobra"

	"postern/catalog"
	"postern/catalog/api"
	"postern/catalog/api/client"
)

func newTenantListCommand(a *app, c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List tenants",
		Long:  "List tenants by id. Deleted ones are listed with --state deleting only.",
		Args:  arguments(),
	}
	var (
		selection client.Selection
		state     string
	)
	cmd.Flags().StringVar(&state, "state", "", "only tenants in this `state`")
	cmd.Flags().StringArrayVar(&selection.Labels, "label", nil, "only tenants with this label, `key=value` (repeatable)")
	output := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		selection.State = catalog.State(state)
		selection.Limit = 1000
		all, err := ask(c, func(postern *client.Client) (*api.TenantList, error) {
			all := &api.TenantList{Tenants: []api.Tenant{}}
			for {
				page, err := postern.ListTenants(cmd.Context(), selection)
				if err != nil {
					return nil, err
				}
				all.Tenants = append(all.Tenants, page.Tenants...)
				if page.NextCursor == "" {
					return all, nil
				}
				selection.Cursor = page.NextCursor
			}
		})
		if err != nil {
			return err
		}
		return output.table(a.stdout, all, func(w io.Writer) {
			row(w, "ID", "STATE", "DRIVER", "REGION", "VERSION", "CREATED")
			for _, t := range all.Tenants {
				row(w, t.ID, t.State, t.Driver, t.Region, t.Version, t.CreatedAt)
			}
		})
	}
	return cmd
}
