package postgres_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"postern/wake/postgres"
)

// TestLockFilesOfZombie: a postmaster that was killed and that its parent has not
// waited for yet keeps its number, and Postgres takes it for one that runs.
func TestLockFilesOfZombie(t *testing.T) {
	t.Parallel()
	c := newCluster(t, postgres.Setup{})
	i := start(t, c)
	if err := syscall.Kill(i.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-i.Gone()
	dead := zombie(t, c.User)
	for _, path := range []string{filepath.Join(c.DataDir, "postmaster.pid"), c.SocketPath() + ".lock"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "\n")
		if err := os.WriteFile(path, []byte(strconv.Itoa(dead)+"\n"+rest), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := c.Running(t.Context()); found != nil || err != nil {
		t.Fatalf("a zombie is running: %v, %v", found, err)
	}
	if err := c.EndLeftovers(t.Context()); err != nil {
		t.Fatal(err)
	}
	start(t, c)
	if got := query(t, c, "SELECT '1'"); got != "1" {
		t.Errorf("got %q", got)
	}
}

// zombie is a process of a user that has ended. Its parent, another one, never
// waits for it.
func zombie(t *testing.T, user postgres.User) (pid int) {
	t.Helper()
	parent := exec.Command("sh", "-c", "exec 3<&0; cat <&3 & echo $!; exec sleep 1000")
	if user != (postgres.User{}) {
		parent.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user.UID, Gid: user.GID}}
	}
	input, err := parent.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = parent.Process.Kill()
		_ = parent.Wait()
	})
	if _, err := fmt.Fscan(output, &pid); err != nil {
		t.Fatal(err)
	}
	awaitStat(t, parent.Process.Pid, "(sleep) ") // a shell might wait for its child
	if err := input.Close(); err != nil {
		t.Fatal(err)
	}
	awaitStat(t, pid, "(cat) Z ")
	return pid
}

// awaitStat waits until the kernel says so of a process.
func awaitStat(t *testing.T, pid int, wanted string) {
	t.Helper()
	for {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(stat, []byte(wanted)) {
			return
		}
		runtime.Gosched()
	}
}
