package drivertest

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"postern/wake/postgres"
)

// memory is a file system in memory: a cluster is a thousand small files, which
// tests make and remove many times.
const memory = "/dev/shm"

// Place is where Dir makes directories: $TMPDIR if it is set, else in memory if
// there is room for some clusters, else /tmp.
func Place() string {
	if dir := os.Getenv("TMPDIR"); dir != "" {
		return dir
	}
	var free unix.Statfs_t
	if unix.Statfs(memory, &free) == nil && free.Bavail*uint64(free.Bsize) > 2<<30 {
		return memory
	}
	return "/tmp"
}

// Dir makes a directory for one test and removes it at its end. Unlike
// t.TempDir, other accounts can pass through it, as the one that Postgres runs
// as must when the test runs as root; and its path is short enough for sockets.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(Place(), "postern-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// User is the account to run Postgres as: postgres under root, else oneself.
func User(t testing.TB) postgres.User {
	t.Helper()
	user, err := postgres.LookupUser("postgres")
	if err != nil {
		t.Fatal(err)
	}
	return user
}

// OwnDir is Dir, owned by User, for what Postgres itself must write into.
func OwnDir(t testing.TB) string {
	t.Helper()
	dir := Dir(t)
	if err := User(t).Own(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Installations returns the PostgreSQL versions of this machine, newest first.
// There has to be one: without any, the test fails.
func Installations(t testing.TB) []postgres.Installation {
	t.Helper()
	found, err := postgres.Find(t.Context(), postgres.Search{})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
