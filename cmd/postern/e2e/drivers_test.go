package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// steps are what every driver's script goes through, each in its own words.
var steps = []string{"prepared", "transactions", "copy", "cancel", "error", "notify", "reconnect"}

// driverTimeout is how long a script may take, the start of its language
// included.
const driverTimeout = 2 * time.Minute

// TestDrivers lets the drivers of several languages do what applications do with
// them. One that is not installed is left out: scripts/setup test installs them.
// Promises: F104.
func TestDrivers(t *testing.T) {
	t.Parallel()
	d := startDev(t, daemonConfig{})
	eachMajor(t, func(t *testing.T, major int) {
		t.Run("pgx", func(t *testing.T) { testPgx(t, d.createTenantOf(t, major, "pgx")) })
		t.Run("psycopg2", func(t *testing.T) {
			const python = "/usr/bin/python3"
			if err := exec.Command(python, "-c", "import psycopg2").Run(); err != nil {
				t.Skipf("no psycopg2 in %s: %v", python, err)
			}
			runScript(t, d.createTenantOf(t, major, "python"), python, "testdata/driver.py")
		})
		t.Run("JDBC", func(t *testing.T) {
			const jar = "/usr/share/java/postgresql.jar"
			if _, err := os.Stat(jar); err != nil {
				t.Skipf("no JDBC: %v", err)
			}
			java := installed(t, "java")
			installed(t, "javac")
			runScript(t, d.createTenantOf(t, major, "java"), java, "-cp", jar, "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "testdata/Driver.java")
		})
		t.Run("node pg", func(t *testing.T) {
			if nodeModules() == "" {
				t.Skip("no pg of node in the cache of scripts/setup")
			}
			runScript(t, d.createTenantOf(t, major, "node"), installed(t, "node"), "testdata/driver.js")
		})
	})
}

// installed finds a program, without which the test is skipped.
func installed(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip(err)
	}
	return path
}

// nodeModules is where scripts/setup has put node's pg, or "".
func nodeModules() string {
	dirs := []string{"/var/cache/postern"}
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, ".cache", "postern"))
	}
	for _, dir := range dirs {
		modules := filepath.Join(dir, "node", "node_modules")
		if _, err := os.Stat(filepath.Join(modules, "pg")); err == nil {
			return modules
		}
	}
	return ""
}

// runScript runs a script with the tenant's connection string and the command
// that suspends the tenant as its last arguments.
func runScript(t *testing.T, a *tenant, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), driverTimeout)
	defer cancel()
	args = append(args, a.dsn(), postern(t), "tenant", "suspend", a.id, "--data-dir", a.daemon.dataDir)
	command := exec.CommandContext(ctx, name, args...)
	command.WaitDelay = time.Second
	command.Env = append(environment(t), "NODE_PATH="+nodeModules())
	r := run(t, command)
	if passed := strings.Fields(r.stdout); r.code != 0 || !slices.Equal(passed, steps) {
		t.Errorf("exit code %d after the steps %v, want all of %v\n%s", r.code, passed, steps, r.stderr)
	}
}
