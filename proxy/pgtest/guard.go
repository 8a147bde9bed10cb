package pgtest

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"postern/wake/postgres"
)

// guardScript waits for a line. If the test process dies instead (a panic of
// another test, a timeout, kill -9), it stops the server and removes the files.
const guardScript = `
read -r dismissed && exit
if read -r pid rest <"$1/data/postmaster.pid"; then
	kill -QUIT "$pid"
	while kill -0 "$pid"; do sleep 0.1; done
fi
rm -rf "$1"
`

// guard is a small process that cleans up where t.Cleanup does not get to: a
// server is in a session of its own and would live on.
type guard struct {
	process *exec.Cmd
	line    io.WriteCloser
}

// guardDir guards a directory and the server whose data directory is in it.
func guardDir(dir string) (*guard, error) {
	process := exec.Command("sh", "-c", guardScript, "pgtest-guard", dir)
	process.Dir = "/"
	process.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // it survives Ctrl-C
	line, err := process.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := process.Start(); err != nil {
		return nil, err
	}
	return &guard{process: process, line: line}, nil
}

// dismiss ends the guard; what it guarded is the caller's to clean up.
func (g *guard) dismiss() {
	_, _ = io.WriteString(g.line, "dismissed\n")
	g.line.Close()
	_ = g.process.Wait()
}

// serverDir makes a guarded directory that the server's account can enter and
// nobody else, unlike t.TempDir, whose parents are the test's own.
func serverDir(t testing.TB, user postgres.User) string {
	t.Helper()
	parent := serverParent()
	dir, err := os.MkdirTemp(parent, "postern-pgtest-")
	if err != nil {
		t.Fatal(err)
	}
	guard, err := guardDir(dir)
	if err != nil {
		os.RemoveAll(dir)
		t.Fatalf("guard %s: %v", dir, err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
		guard.dismiss()
	})
	if err := user.Own(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// memory is a file system in memory, where a data directory is copied ten times
// as fast as on a disk.
const memory = "/dev/shm"

// serverParent is where servers' directories are made: in memory if there is
// plenty of it, unless TMPDIR asks for another place, and never where the path
// of a socket would become too long.
func serverParent() string {
	parent := os.Getenv("TMPDIR")
	var free unix.Statfs_t
	if parent == "" && unix.Statfs(memory, &free) == nil && free.Bavail*uint64(free.Bsize) > 2<<30 {
		parent = memory
	}
	if parent == "" || len(postgres.SocketPath(filepath.Join(parent, "postern-pgtest-0123456789"), 65535)) > postgres.MaxSocketPath {
		parent = "/tmp"
	}
	return parent
}
