package main

import (
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is what this binary was built from.
type version struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
}

// readVersion asks the binary itself.
func readVersion() version {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version{Version: "unknown"}
	}
	v := version{Version: info.Main.Version, Go: info.GoVersion}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			v.Revision = setting.Value
		case "vcs.time":
			v.Time = setting.Value
		case "vcs.modified":
			v.Modified = setting.Value == "true"
		}
	}
	if v.Version == "" {
		v.Version = "(devel)"
	}
	return v
}

func newVersionCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print what this binary was built from",
		Args:  arguments(),
	}
	output := addOutput(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		v := readVersion()
		return output.table(a.stdout, v, func(w io.Writer) {
			row(w, "version", v.Version)
			row(w, "revision", v.Revision)
			row(w, "time", v.Time)
			row(w, "modified", v.Modified)
			row(w, "go", v.Go)
		})
	}
	return cmd
}
