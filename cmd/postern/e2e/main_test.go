package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := os.RemoveAll(buildDir()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// buildDir is where this test process builds the program.
func buildDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("postern-e2e-build-%d", os.Getpid()))
}

// program is the path of the program, which the first call builds.
var program = sync.OnceValues(func() (string, error) {
	dir := buildDir()
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "postern")
	args := []string{"build", "-o", path}
	if builtWith("-race") == "true" {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "postern/cmd/postern")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return path, nil
})

// postern is program for a test.
func postern(t testing.TB) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// builtWith returns a setting that this test binary was built with.
func builtWith(key string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, setting := range info.Settings {
		if setting.Key == key {
			return setting.Value
		}
	}
	return ""
}

// checkOutput reports what no program of ours may ever print.
func checkOutput(t testing.TB, output []byte) {
	t.Helper()
	for _, bad := range []string{"WARNING: DATA RACE", "panic: ", "fatal error: "} {
		if at := bytes.Index(output, []byte(bad)); at >= 0 {
			t.Errorf("postern printed:\n%s", output[at:min(len(output), at+8000)])
		}
	}
}
