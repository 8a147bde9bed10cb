package scripts

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Scripts are run as they are on machines that have only Debian's sh.
func TestScriptsParse(t *testing.T) {
	t.Parallel()
	for _, script := range []string{"setup", filepath.Join("..", ".ci", "run")} {
		info, err := os.Stat(script)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode()&0o111 == 0 {
			t.Errorf("%s is not executable", script)
		}
		if out, err := exec.Command("sh", "-n", script).CombinedOutput(); err != nil {
			t.Errorf("sh -n %s: %v\n%s", script, err, out)
		}
	}
}

func TestSetupRefusesUnknownWord(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("./setup", "everything").CombinedOutput()
	exit, ok := err.(*exec.ExitError)
	if !ok || exit.ExitCode() != 2 || !strings.Contains(string(out), "usage") {
		t.Errorf("setup everything: %v, want exit 2 with the usage\n%s", err, out)
	}
}
