package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"

	"postern/configs"
)

func newConfigCommand(a *app) *cobra.Command {
	return newGroup("config", "Check, show or begin a configuration file",
		newConfigCheckCommand(a),
		newConfigShowCommand(a),
		newConfigExampleCommand(a),
	)
}

func newConfigCheckCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Check a configuration file for serve, with the environment",
		Long: "Check the TOML file that serve is to be started with, together with the\n" +
			"environment. Every problem is a line on standard error; unknown keys are\n" +
			"problems. Nothing that the file names is opened.",
		Args: arguments("FILE"),
	}
	output := addOutput(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		config, err := a.loadConfig(args[0])
		if err != nil {
			return err
		}
		if err := config.Complete(); err != nil {
			return err
		}
		answer := struct {
			File  string `json:"file"`
			Valid bool   `json:"valid"`
		}{args[0], true}
		return output.text(a.stdout, answer, func(w io.Writer) {
			fmt.Fprintf(w, "%s is valid\n", args[0])
		})
	}
	return cmd
}

func newConfigShowCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show [FILE]",
		Short: "Print every setting as it counts: default, file and environment",
		Long: "Print every setting with the value that counts, as TOML: from the\n" +
			"environment, else from FILE, else the default. Secrets are hidden.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return arguments("FILE")(cmd, args)
		},
	}
	output := addOutput(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		config, err := a.loadConfig(strings.Join(args, ""))
		if err != nil {
			return err
		}
		var text strings.Builder
		if err := config.Show(&text); err != nil {
			return err
		}
		var settings map[string]any
		if _, err := toml.Decode(text.String(), &settings); err != nil {
			return fmt.Errorf("read own configuration: %w", err)
		}
		return output.text(a.stdout, settings, func(w io.Writer) {
			_, _ = io.WriteString(w, text.String())
		})
	}
	return cmd
}

func newConfigExampleCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "example",
		Short: "Print a configuration file to begin with: every setting, explained",
		Args:  arguments(),
		RunE: func(*cobra.Command, []string) error {
			_, err := io.WriteString(a.stdout, configs.Example)
			return err
		},
	}
}

// loadConfig reads the file at path ("" for none) and the environment; whatever
// is wrong is a configuration error.
func (a *app) loadConfig(path string) (configs.Config, error) {
	config, err := configs.Load(path, a.env, nil)
	if err != nil {
		return configs.Config{}, usageErrorf("%w", err)
	}
	return config, nil
}
