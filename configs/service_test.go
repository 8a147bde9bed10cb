package configs

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// unit reads a systemd unit: the values of each key, as "Section.Key".
func unit(t *testing.T, path string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	values, section := map[string][]string{}, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		key, value, isValue := strings.Cut(line, "=")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "["):
			section = strings.Trim(line, "[]")
		case !isValue || section == "" || key == "" || value == "":
			t.Errorf("%s: cannot be read: %s", path, line)
		default:
			values[section+"."+key] = append(values[section+"."+key], value)
		}
	}
	return values
}

func TestService(t *testing.T) {
	t.Parallel()
	values := unit(t, "postern.service")
	for key, want := range map[string]string{
		"Service.KillMode":                 "process", // stopping Postern stops no tenant
		"Service.KillSignal":               "SIGTERM",
		"Service.ExecStart":                "/usr/local/bin/postern serve --config /etc/postern/postern.toml",
		"Service.ExecReload":               "/bin/kill -HUP $MAINPID",
		"Service.RestartPreventExitStatus": "2",
		"Service.Environment":              "POSTERN_DATA_DIR=/var/lib/postern",
		"Service.StateDirectory":           "postern",
		"Service.StateDirectoryMode":       "0700",
		"Service.User":                     Default().Wake.Process.PGUser,
		"Install.WantedBy":                 "multi-user.target",
	} {
		if !slices.Equal(values[key], []string{want}) {
			t.Errorf("%s is %q, want %q", key, values[key], want)
		}
	}
	for key, all := range values {
		if len(all) > 1 {
			t.Errorf("%s is set twice", key)
		}
	}
	stop, err := time.ParseDuration(strings.Join(values["Service.TimeoutStopSec"], ""))
	drain := Default().Drain
	if err != nil || stop <= time.Duration(drain.Grace)+time.Duration(drain.Timeout) {
		t.Errorf("TimeoutStopSec is %v, %v: shorter than a drain", stop, err)
	}
}
