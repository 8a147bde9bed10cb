package transfer

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"

	"postern/wake"
)

// programs are pg_dump and pg_restore of one version.
type programs struct{ dump, restore string }

// programs finds those of the oldest version that can read a source of the major
// version: what a newer one writes, an older target may not understand.
func (m *Mover) programs(ctx context.Context, major int) (programs, error) {
	var best programs
	oldest := 0
	dirs := make([]string, 0, len(m.config.Installations)+1)
	for _, i := range m.config.Installations {
		dirs = append(dirs, i.BinDir)
	}
	if path, err := exec.LookPath("pg_dump"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	for _, dir := range dirs {
		p := programs{filepath.Join(dir, "pg_dump"), filepath.Join(dir, "pg_restore")}
		version := min(versionOf(ctx, p.dump), versionOf(ctx, p.restore))
		if version >= major && (oldest == 0 || version < oldest) {
			best, oldest = p, version
		}
	}
	if oldest == 0 {
		return programs{}, &wake.FailedError{
			Reason: fmt.Sprintf("pg_dump and pg_restore of PostgreSQL %d or later are not installed; a move needs them", major),
			Hint:   fmt.Sprintf("Install the package postgresql-client-%d.", major),
		}
	}
	return best, nil
}

var versionForm = regexp.MustCompile(`\(PostgreSQL\) ([0-9]+)`)

// versionOf is a program's major version, 0 if it cannot be run.
func versionOf(ctx context.Context, program string) int {
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return 0
	}
	found := versionForm.FindSubmatch(out)
	if found == nil {
		return 0
	}
	major, err := strconv.Atoi(string(found[1]))
	if err != nil {
		return 0
	}
	return major
}
