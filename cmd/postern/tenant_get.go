package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"postern/catalog/api"
	"postern/catalog/api/client"
)

func newTenantGetCommand(a *app, c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get ID",
		Short: "Print all there is to tell of a tenant",
		Long:  "Print all there is to tell of a tenant. That does not wake it and shows no\nsecret.",
		Args:  arguments("ID"),
	}
	output := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		tenant, err := getTenant(cmd, c, args[0])
		if err != nil {
			return err
		}
		return output.table(a.stdout, tenant, func(w io.Writer) { describe(w, tenant) })
	}
	return cmd
}

func newTenantURLCommand(a *app, c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "url ID",
		Short: "Print how to connect to a tenant, without the password",
		Args:  arguments("ID"),
	}
	output := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		tenant, err := getTenant(cmd, c, args[0])
		if err != nil {
			return err
		}
		answer := struct {
			ID  string `json:"id"`
			URL string `json:"url"`
		}{tenant.ID, tenant.URL}
		return output.text(a.stdout, answer, func(w io.Writer) { fmt.Fprintln(w, answer.URL) })
	}
	return cmd
}

func getTenant(cmd *cobra.Command, c *connection, id string) (*api.TenantDetail, error) {
	return ask(c, func(postern *client.Client) (*api.TenantDetail, error) {
		return postern.GetTenant(cmd.Context(), id)
	})
}

// describe writes one line for each thing that there is to tell.
func describe(w io.Writer, t *api.TenantDetail) {
	row(w, "id", t.ID)
	row(w, "state", t.State)
	if t.Failure != "" {
		row(w, "failure", t.Failure)
	}
	row(w, "awake because", strings.Join(t.AwakeBecause, "; "))
	row(w, "last active", t.LastActiveAt)
	row(w, "url", t.URL)
	row(w, "hostnames", strings.Join(t.Hostnames, " "))
	row(w, "driver", t.Driver)
	row(w, "region", t.Region)
	row(w, "pool mode", t.PoolMode)
	row(w, "idle timeout", t.IdleTimeout)
	row(w, "version", t.Version)
	row(w, "created", t.CreatedAt)
	row(w, "updated", t.UpdatedAt)
	if t.DeletedAt != nil {
		row(w, "deleted", t.DeletedAt)
	}
	each(w, "label", t.Labels)
	each(w, "setting", t.Settings)
	each(w, "postgres", t.Postgres)
	each(w, "backend", t.Backend)
}

func each[V any](w io.Writer, what string, values map[string]V) {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		row(w, what+" "+key, values[key])
	}
}
