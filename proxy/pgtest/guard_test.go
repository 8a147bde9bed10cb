package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A test process that is killed leaves no server behind.
func TestGuard(t *testing.T) {
	t.Parallel()
	const child = "PGTEST_KILLED_CHILD"
	if os.Getenv(child) != "" {
		pg := Start(t, Config{})
		fmt.Println("server", pg.PID, pg.SocketDir)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	process := exec.Command(os.Args[0], "-test.run=^TestGuard$")
	process.Env = append(os.Environ(), child+"=1")
	out, err := process.Output()
	if err == nil {
		t.Fatal("the child was not killed")
	}
	_, line, _ := strings.Cut(string(out), "server ")
	var pid int
	var dir string
	if _, err := fmt.Sscan(line, &pid, &dir); err != nil {
		t.Fatalf("the child started no server: %v\n%s", err, out)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		_, err := os.Stat(dir)
		running := syscall.Kill(pid, 0) == nil
		if os.IsNotExist(err) && !running {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v; process %d runs: %t", dir, err, pid, running)
		}
	}
}
