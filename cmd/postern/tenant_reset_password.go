package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"postern/catalog/api"
	"postern/catalog/api/client"
)

func newTenantResetPasswordCommand(a *app, c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reset-password ID",
		Short: "Give a role a new password and print how to connect with it",
		Long: "Give a role a new password and print the connection string with it, the only\n" +
			"time that it is shown. The old password no longer counts for new logins. This\n" +
			"wakes the tenant.",
		Args: arguments("ID"),
	}
	var request api.ResetPassword
	cmd.Flags().StringVar(&request.Role, "role", "", "the `role` (default: the one in the tenant's url)")
	passwordStdin := addPasswordStdin(cmd)
	output := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if request.Password, err = a.readPassword(cmd.Context(), *passwordStdin); err != nil {
			return err
		}
		reset, err := ask(c, func(postern *client.Client) (*api.PasswordReset, error) {
			return postern.ResetPassword(cmd.Context(), args[0], request)
		})
		if err != nil {
			return err
		}
		return output.text(a.stdout, reset, func(w io.Writer) {
			fmt.Fprintf(a.stderr, "Role %s of tenant %s has a new password. It is shown this once:\n", reset.Role, reset.ID)
			fmt.Fprintln(w, reset.URL)
		})
	}
	return cmd
}
