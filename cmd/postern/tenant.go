package main

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"postern/catalog/api"
	"postern/catalog/api/client"
)

func newTenantCommand(a *app) *cobra.Command {
	tenant := newGroup("tenant", "Make, look at, change, stop and remove tenants")
	c := addConnection(a, tenant)
	tenant.AddCommand(
		newTenantCreateCommand(a, c),
		newTenantListCommand(a, c),
		newTenantGetCommand(a, c),
		newTenantUpdateCommand(a, c),
		newTenantURLCommand(a, c),
		newTenantResetPasswordCommand(a, c),
		newTenantWakeCommand(a, c),
		newTenantSuspendCommand(a, c),
		newTenantPauseCommand(a, c),
		newTenantResumeCommand(a, c),
		newTenantMoveCommand(a, c),
		newTenantDeleteCommand(a, c),
		newTenantUndeleteCommand(a, c),
		newTenantRoleCommand(a, c),
		newTenantDatabaseCommand(a, c),
		newTenantExtensionCommand(a, c),
		newTenantLogsCommand(a, c),
		newTenantPsqlCommand(a, c),
	)
	return tenant
}

// action is a call that moves one tenant to a state.
type action func(ctx context.Context, postern *client.Client, id string) (*api.TenantAction, error)

// actOnTenant makes cmd one that takes an ID, acts and prints the state reached.
// check, if not nil, comes before; its error is the command's.
func actOnTenant(a *app, c *connection, cmd *cobra.Command, check func(id string) error, act action) *cobra.Command {
	cmd.Args = arguments("ID")
	output := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if check != nil {
			if err := check(args[0]); err != nil {
				return err
			}
		}
		answer, err := ask(c, func(postern *client.Client) (*api.TenantAction, error) {
			return act(cmd.Context(), postern, args[0])
		})
		if err != nil {
			return err
		}
		return output.table(a.stdout, answer, func(w io.Writer) {
			row(w, "ID", "STATUS")
			row(w, answer.ID, answer.Status)
		})
	}
	return cmd
}

// addPasswordStdin gives cmd the flag --password-stdin.
func addPasswordStdin(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("password-stdin", false, "read the password, or its SCRAM-SHA-256 verifier, from the first line of standard input")
}

// pairs reads the values of a flag that takes key=value.
func pairs(flag string, values []string) (map[string]string, error) {
	result := make(map[string]string, len(values))
	for _, pair := range values {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, usageErrorf("--%s %q is not key=value", flag, pair)
		}
		result[key] = value
	}
	return result, nil
}
