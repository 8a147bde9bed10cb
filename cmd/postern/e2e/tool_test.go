package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// tool finds a program that comes with PostgreSQL. Without it the test fails, or
// is skipped where POSTERN_TEST_ALLOW_SKIP is set.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("POSTERN_TEST_ALLOW_SKIP") != "" {
		t.Skipf("skipped since POSTERN_TEST_ALLOW_SKIP is set: %v", err)
	} else if err != nil {
		t.Fatalf("%v; scripts/setup test installs it", err)
	}
	return path
}

// psql is a run of psql.
type psql struct {
	// DSN is what to connect to.
	DSN string
	// Password is for a DSN without one.
	Password string
	// Args are further arguments.
	Args []string
	// Input is standard input: what a person would type.
	Input string
}

// command prepares the run.
func (p psql) command(t testing.TB) *exec.Cmd {
	t.Helper()
	args := append([]string{"--no-psqlrc", "--no-password", "--tuples-only", "--no-align", p.DSN}, p.Args...)
	command := exec.CommandContext(t.Context(), tool(t, "psql"), args...)
	command.Env = append(environment(t), "PGPASSWORD="+p.Password)
	command.Stdin = strings.NewReader(p.Input)
	return command
}

func (p psql) run(t testing.TB) result {
	t.Helper()
	return run(t, p.command(t))
}

// must is run for what has to succeed; it returns the trimmed output.
func (p psql) must(t testing.TB) string {
	t.Helper()
	r := p.run(t)
	if r.code != 0 {
		t.Fatalf("psql %v: exit code %d\n%s%s", p.Args, r.code, r.stdout, r.stderr)
	}
	return strings.TrimSpace(r.stdout)
}

// query is what `psql DSN -c SQL` prints.
func query(t testing.TB, dsn, sql string) string {
	t.Helper()
	return psql{DSN: dsn, Args: []string{"-c", sql}}.must(t)
}
