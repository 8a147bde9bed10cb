package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"postern/catalog/api"
	"postern/catalog/api/client"
)

func newTenantCreateCommand(a *app, c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create ID",
		Short: "Make a tenant and print how to connect to it",
		Long: "Make a tenant with a Postgres of its own, the role app and the database app,\n" +
			"and wait until it is ready. The connection string goes to standard output; it\n" +
			"is the only time that the password is shown.",
		Args: arguments("ID"),
	}
	var (
		request                    api.CreateTenant
		backend                    api.Backend
		labels, settings, postgres []string
	)
	flags := cmd.Flags()
	flags.StringVar(&request.Driver, "driver", "", "which `driver` runs its Postgres: process, database (in an instance that tenants share) or static")
	flags.StringVar(&request.Region, "region", "", "`region` it lives in")
	flags.StringArrayVar(&request.Hostnames, "hostname", nil, "host `name` of its own (repeatable)")
	flags.StringArrayVar(&labels, "label", nil, "label `key=value` to select it by (repeatable)")
	flags.StringArrayVar(&settings, "set", nil, "setting `key=value` of the application (repeatable)")
	flags.StringArrayVar(&postgres, "postgres", nil, "server setting `name=value` of its Postgres (repeatable)")
	flags.IntVar(&request.PGVersion, "pg-version", 0, "major `version` of its Postgres (default: the newest there is)")
	flags.StringVar(&request.PoolMode, "pool-mode", "", "session or transaction `mode` (default: the proxy's)")
	flags.StringVar(&request.IdleTimeout, "idle-timeout", "", "suspend it after this `duration` without work, 0 for never (default: the proxy's)")
	addBackend(cmd, &backend)
	flags.BoolVar(&request.NoWait, "no-wait", false, "return before it is ready")
	passwordStdin := addPasswordStdin(cmd)
	output := addOutput(cmd)

	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		request.ID = args[0]
		if request.Labels, err = pairs("label", labels); err != nil {
			return err
		}
		if request.Settings, err = pairs("set", settings); err != nil {
			return err
		}
		if request.Postgres, err = pairs("postgres", postgres); err != nil {
			return err
		}
		if backend != (api.Backend{}) {
			request.Backend = &backend
		}
		if request.Password, err = a.readPassword(cmd.Context(), *passwordStdin); err != nil {
			return err
		}
		tenant, err := ask(c, func(postern *client.Client) (*api.Tenant, error) {
			return postern.CreateTenant(cmd.Context(), request)
		})
		if err != nil {
			return err
		}
		return output.text(a.stdout, tenant, func(w io.Writer) {
			fmt.Fprintf(a.stderr, "Tenant %s is %s. Its password is shown this once:\n", tenant.ID, tenant.State)
			fmt.Fprintln(w, tenant.URL)
		})
	}
	return cmd
}

// addBackend gives cmd the flags for a Postgres that Postern does not run itself.
func addBackend(cmd *cobra.Command, b *api.Backend) {
	flags := cmd.Flags()
	flags.StringVar(&b.Host, "backend-host", "", "`host` of its Postgres, for the driver static")
	flags.IntVar(&b.Port, "backend-port", 0, "`port` of its Postgres (default 5432)")
	flags.StringVar(&b.TLS, "backend-tls", "", "sslmode for its Postgres: disable, require, verify-ca or verify-full")
	flags.StringVar(&b.RootCert, "backend-root-cert", "", "`file` with the CA certificates of its Postgres")
}
