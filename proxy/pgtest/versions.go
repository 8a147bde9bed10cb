package pgtest

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"postern/wake/postgres"
)

// Versions lists the installed versions of PostgreSQL, newest first: those that
// Postern itself finds, and those that scripts/setup has put into its cache.
// None fails the test, or skips it where POSTERN_TEST_ALLOW_SKIP is set.
func Versions(t testing.TB) []postgres.Installation {
	t.Helper()
	found, missed := postgres.Find(t.Context(), postgres.Search{})
	if os.Getenv("POSTERN_PG_BIN") == "" {
		for _, dir := range cacheDirs() {
			cached, _ := postgres.Find(t.Context(), postgres.Search{
				Pattern: filepath.Join(dir, "postgresql", "*", "bin"),
				Env:     func(string) string { return "" },
			})
			found = append(found, cached...)
		}
	}
	if len(found) == 0 {
		missing(t, missed)
	}
	slices.SortStableFunc(found, func(a, b postgres.Installation) int { return cmp.Compare(b.Major, a.Major) })
	return slices.CompactFunc(found, func(a, b postgres.Installation) bool { return a.Major == b.Major })
}

// EachVersion runs a test for each installed version, in parallel.
func EachVersion(t *testing.T, test func(t *testing.T, major int)) {
	t.Helper()
	for _, installed := range Versions(t) {
		t.Run(fmt.Sprintf("PostgreSQL %d", installed.Major), func(t *testing.T) {
			t.Parallel()
			test(t, installed.Major)
		})
	}
}

// missing ends the test because something is not installed.
func missing(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("POSTERN_TEST_ALLOW_SKIP") != "" {
		t.Skipf("skipped since POSTERN_TEST_ALLOW_SKIP is set: %v", err)
	}
	t.Fatalf("%v\nscripts/setup test installs the package postgresql and the rest; POSTERN_TEST_ALLOW_SKIP=1 skips such tests", err)
}

// cacheDirs are where scripts/setup keeps things: what belongs to this account
// first.
func cacheDirs() []string {
	dirs := []string{"/var/cache/postern"}
	if home, err := os.UserHomeDir(); err == nil && os.Geteuid() != 0 {
		dirs = append([]string{filepath.Join(home, ".cache", "postern")}, dirs...)
	}
	return dirs
}
