package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// result is what a program left behind.
type result struct {
	code           int
	stdout, stderr string
}

// run runs a prepared program to its end. Its environment is environment's if
// it has none.
func run(t testing.TB, command *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if command.Env == nil {
		command.Env = environment(t)
	}
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run %s: %v", command.Path, err)
	}
	return result{command.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// cli runs a command of postern on d's data directory.
func (d *daemon) cli(t testing.TB, args ...string) result {
	t.Helper()
	return d.cliWithInput(t, "", args...)
}

// cliWithInput is cli with a text on standard input.
func (d *daemon) cliWithInput(t testing.TB, input string, args ...string) result {
	t.Helper()
	command := exec.CommandContext(t.Context(), postern(t), args...)
	command.Env = append(environment(t), "POSTERN_DATA_DIR="+d.dataDir)
	command.Stdin = strings.NewReader(input)
	r := run(t, command)
	checkOutput(t, []byte(r.stderr))
	return r
}

// must is cli for a command that has to succeed; it returns its output.
func (d *daemon) must(t testing.TB, args ...string) string {
	t.Helper()
	r := d.cli(t, args...)
	if r.code != 0 {
		t.Fatalf("postern %s: exit code %d\n%s", strings.Join(args, " "), r.code, r.stderr)
	}
	return r.stdout
}

// mustJSON is must with -o json, decoded into value.
func (d *daemon) mustJSON(t testing.TB, value any, args ...string) {
	t.Helper()
	output := d.must(t, append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(output), value); err != nil {
		t.Fatalf("postern %s: %v\n%s", strings.Join(args, " "), err, output)
	}
}

// fails is cli for a command that has to fail with an exit code; it returns what
// it said.
func (d *daemon) fails(t testing.TB, code int, args ...string) string {
	t.Helper()
	r := d.cli(t, args...)
	if r.code != code {
		t.Fatalf("postern %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, r.stdout, r.stderr)
	}
	return r.stderr
}
