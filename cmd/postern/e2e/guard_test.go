package e2e

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

// guardScript waits for a line. If the test process dies instead (a panic, a
// timeout, kill -9), it ends every process that has the directory in its command
// line, first politely, and removes the directory and the program.
const guardScript = `
read -r dismissed && exit
signal=QUIT
for attempt in $(seq 100); do
	pids=$(printf %s "$GUARDED" | grep -lsaF -f - /proc/[0-9]*/cmdline | tr -dc '0-9\n')
	[ -z "$pids" ] && break
	kill -$signal $pids
	kill -CONT $pids # a frozen postmaster, which needs 5 s to end its children
	[ "$attempt" = 80 ] && signal=KILL
	sleep 0.1
done
rm -rf "$GUARDED" "$BUILT"
`

// guardedDir makes a directory that every account may pass through, and a guard
// for it and for the processes that work in it, since instances outlive the
// process that started them. It is removed when the test ends.
func guardedDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(guardedParent(), "postern-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	dismiss, err := guard(dir)
	if err != nil {
		os.RemoveAll(dir)
		t.Fatalf("guard %s: %v", dir, err)
	}
	t.Cleanup(func() {
		endProcesses(t, dir)
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
		dismiss()
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// guard guards a directory until dismiss is called.
func guard(dir string) (dismiss func(), err error) {
	process := exec.Command("sh", "-c", guardScript)
	process.Dir = "/"
	process.Env = append(os.Environ(), "GUARDED="+dir, "BUILT="+buildDir()) // not in its own command line
	process.SysProcAttr = &syscall.SysProcAttr{Setsid: true}                // it survives Ctrl-C
	line, err := process.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := process.Start(); err != nil {
		return nil, err
	}
	return func() {
		_, _ = io.WriteString(line, "dismissed\n")
		line.Close()
		_ = process.Wait()
	}, nil
}

// guardedParent is a file system in memory if there is one with plenty of
// room, unless TMPDIR asks for another place, and never where the path of a
// tenant's socket would become too long.
func guardedParent() string {
	const memory = "/dev/shm"
	parent := os.Getenv("TMPDIR")
	var free unix.Statfs_t
	if parent == "" && unix.Statfs(memory, &free) == nil && free.Bavail*uint64(free.Bsize) > 3<<30 {
		parent = memory
	}
	longest := filepath.Join(parent, "postern-e2e-0123456789", "data", "tenants", "0123456789")
	if parent == "" || len(postgres.SocketPath(longest, postgres.DefaultPort)) > postgres.MaxSocketPath {
		parent = "/tmp"
	}
	return parent
}
