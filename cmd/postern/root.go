package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// newRootCommand returns the whole command line.
func newRootCommand(a *app) *cobra.Command {
	root := newGroup("postern", "One Postgres per tenant behind one address",
		// Every command is registered here.
		newDevCommand(a),
		newServeCommand(a),
		newTenantCommand(a),
		newConfigCommand(a),
		newConsoleCommand(a),
		newExplainCommand(a),
		newVersionCommand(a),
	)
	root.SilenceErrors = true // run reports them
	root.SilenceUsage = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return withUsageHint(cmd, usageErrorf("%w", err))
	})
	return root
}

// newGroup returns a command that does nothing but hold others: alone it prints
// its help, and what it does not know is a usage error.
func newGroup(use, short string, commands ...*cobra.Command) *cobra.Command {
	group := &cobra.Command{
		Use:   use,
		Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			err := usageErrorf("unknown command %q for %q", args[0], cmd.CommandPath())
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				err.hint = fmt.Sprintf("Did you mean: %s?", strings.Join(near, ", "))
				return err
			}
			return withUsageHint(cmd, err)
		},
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SuggestionsMinimumDistance: 2,
	}
	group.AddCommand(commands...)
	return group
}

// arguments returns a check that exactly these arguments are there.
func arguments(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return withUsageHint(cmd, usageErrorf("%s: missing %s", cmd.CommandPath(), names[len(args)]))
		}
		if len(args) > len(names) {
			return withUsageHint(cmd, usageErrorf("%s: unexpected argument %q", cmd.CommandPath(), args[len(names)]))
		}
		return nil
	}
}

func withUsageHint(cmd *cobra.Command, err *exitError) *exitError {
	err.hint = fmt.Sprintf("Run '%s --help'.", cmd.CommandPath())
	return err
}
