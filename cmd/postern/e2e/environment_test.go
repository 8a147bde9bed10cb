package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postern/proxy/pgtest"
)

// environment is that of every program which a test starts: nothing of the
// tester's own settings, and every installed PostgreSQL in PATH, behind the
// rest.
func environment(t testing.TB) []string {
	t.Helper()
	path := filepath.SplitList(os.Getenv("PATH"))
	for _, installed := range pgtest.Versions(t) {
		path = append(path, installed.BinDir)
	}
	env := []string{
		"PATH=" + strings.Join(path, string(filepath.ListSeparator)),
		"HOME=/nonexistent",
		"LC_ALL=C.UTF-8",
		"GORACE=atexit_sleep_ms=0", // else every command sleeps for a second at its end
	}
	for _, name := range []string{"POSTERN_PG_BIN", "TMPDIR", "LD_LIBRARY_PATH"} {
		if value := os.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// majors are the oldest and the newest PostgreSQL that is installed.
func majors(t testing.TB) []int {
	t.Helper()
	versions := pgtest.Versions(t)
	return slices.Compact([]int{versions[len(versions)-1].Major, versions[0].Major})
}

// eachMajor runs a test for the oldest and the newest PostgreSQL, in parallel.
func eachMajor(t *testing.T, test func(t *testing.T, major int)) {
	t.Helper()
	for _, major := range majors(t) {
		t.Run(fmt.Sprintf("PostgreSQL %d", major), func(t *testing.T) {
			t.Parallel()
			test(t, major)
		})
	}
}
