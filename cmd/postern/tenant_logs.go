package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"postern/catalog/api"
	"postern/catalog/api/client"
)

func newTenantLogsCommand(a *app, c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "logs ID",
		Short: "Print the end of the log of a tenant's Postgres",
		Args:  arguments("ID"),
	}
	lines := cmd.Flags().IntP("lines", "n", 200, "the most `lines` to print, at most 10000")
	output := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *lines < 1 {
			return usageErrorf("--lines must be at least 1")
		}
		logs, err := ask(c, func(postern *client.Client) (*api.Logs, error) {
			return postern.Logs(cmd.Context(), args[0], *lines)
		})
		if err != nil {
			return err
		}
		return output.text(a.stdout, logs, func(w io.Writer) {
			for _, line := range logs.Lines {
				fmt.Fprintln(w, line)
			}
		})
	}
	return cmd
}
