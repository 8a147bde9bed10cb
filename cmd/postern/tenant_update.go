package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"postern/catalog/api"
	"postern/catalog/api/client"
)

func newTenantUpdateCommand(a *app, c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "update ID",
		Short: "Change a tenant's configuration",
		Long: "Change what the flags name and leave the rest alone. A label, a setting or a\n" +
			"server setting is removed by its name with '-' behind: --label plan-. Server\n" +
			"settings count from the next start of the tenant's Postgres.",
		Args: arguments("ID"),
	}
	var (
		hostnames                  []string
		labels, settings, postgres []string
		region, poolMode, idle     string
		backend                    api.Backend
		ifVersion                  int64
	)
	flags := cmd.Flags()
	flags.StringArrayVar(&hostnames, "hostname", nil, "host `name` of its own, in place of those it has (repeatable; empty for none)")
	flags.StringArrayVar(&labels, "label", nil, "label `key=value`, or key- to remove it (repeatable)")
	flags.StringArrayVar(&settings, "set", nil, "setting `key=value` of the application, or key- (repeatable)")
	flags.StringArrayVar(&postgres, "postgres", nil, "server setting `name=value`, or name- (repeatable)")
	flags.StringVar(&region, "region", "", "`region` it lives in")
	flags.StringVar(&poolMode, "pool-mode", "", "session or transaction `mode`, or empty for the proxy's")
	flags.StringVar(&idle, "idle-timeout", "", "suspend it after this `duration` without work, 0 for never, or empty for the proxy's")
	addBackend(cmd, &backend)
	flags.Int64Var(&ifVersion, "if-version", 0, "only if it is at this `version`")
	output := addOutput(cmd)

	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		var request api.UpdateTenant
		if flags.Changed("hostname") {
			request.Hostnames = new([]string{})
			for _, name := range hostnames {
				if name != "" {
					*request.Hostnames = append(*request.Hostnames, name)
				}
			}
		}
		if flags.Changed("region") {
			request.Region = &region
		}
		if flags.Changed("pool-mode") {
			request.PoolMode = &poolMode
		}
		if flags.Changed("idle-timeout") {
			request.IdleTimeout = &idle
		}
		if backend != (api.Backend{}) {
			request.Backend = &backend
		}
		if request.Labels, err = patch("label", labels); err != nil {
			return err
		}
		if request.Settings, err = patch("set", settings); err != nil {
			return err
		}
		if request.Postgres, err = patch("postgres", postgres); err != nil {
			return err
		}
		tenant, err := ask(c, func(postern *client.Client) (*api.TenantDetail, error) {
			return postern.UpdateTenant(cmd.Context(), args[0], ifVersion, request)
		})
		if err != nil {
			return err
		}
		return output.table(a.stdout, tenant, func(w io.Writer) { describe(w, tenant) })
	}
	return cmd
}

// patch reads the values of a flag that takes key=value to set and key- to
// remove.
func patch(flag string, values []string) (map[string]*string, error) {
	result := make(map[string]*string, len(values))
	for _, pair := range values {
		key, value, found := strings.Cut(pair, "=")
		removed, remove := strings.CutSuffix(pair, "-")
		switch {
		case found && key != "":
			result[key] = &value
		case !found && remove && removed != "":
			result[removed] = nil
		default:
			return nil, usageErrorf("--%s %q is neither key=value nor key-", flag, pair)
		}
	}
	return result, nil
}
