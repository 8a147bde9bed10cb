package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoPostgres: without PostgreSQL's programs it does not start, leaves nothing
// behind and says what to install.
func TestNoPostgres(t *testing.T) {
	t.Parallel()
	for what, bin := range map[string]string{
		"no such directory": "/nonexistent",
		"empty directory":   t.TempDir(),
	} {
		dataDir := filepath.Join(t.TempDir(), "data")
		command := exec.CommandContext(t.Context(), postern(t),
			"dev", "--data-dir", dataDir, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--pg-bin", bin)
		r := run(t, command)
		if r.code != 2 || !strings.Contains(r.stderr, "the package postgresql") || !strings.Contains(r.stderr, bin) {
			t.Errorf("%s: exit code %d: %s", what, r.code, r.stderr)
		}
		if found, _ := filepath.Glob(dataDir); found != nil {
			t.Errorf("%s: it has made %v", what, found)
		}
	}
}

// TestSecondDev: one Postern a data directory.
func TestSecondDev(t *testing.T) {
	t.Parallel()
	d := startDev(t, daemonConfig{})
	stderr := d.fails(t, 4, "dev", "--data-dir", d.dataDir, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0")
	if !strings.Contains(stderr, d.dataDir) {
		t.Errorf("it does not name the directory: %s", stderr)
	}
	if status, _ := d.get(t, "/readyz"); status != 200 {
		t.Errorf("the first one answers /readyz with %d", status)
	}
	query(t, d.printed, "select 1")
}
