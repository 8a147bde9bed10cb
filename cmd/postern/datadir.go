package main

import (
	"os"
	"path/filepath"
)

// defaultDataDir is the data directory where none is named: $POSTERN_DATA_DIR,
// else /var/lib/postern as root, else $XDG_DATA_HOME/postern, else
// ~/.local/share/postern.
func (a *app) defaultDataDir() (string, error) {
	return a.dataDirOf(os.Geteuid() == 0)
}

func (a *app) dataDirOf(root bool) (string, error) {
	if dir := a.getenv("POSTERN_DATA_DIR"); dir != "" {
		return filepath.Abs(dir)
	}
	if root {
		return "/var/lib/postern", nil
	}
	if home := a.getenv("XDG_DATA_HOME"); filepath.IsAbs(home) { // a relative one is to be ignored (XDG)
		return filepath.Join(home, "postern"), nil
	}
	if home := a.getenv("HOME"); home != "" {
		return filepath.Join(home, ".local", "share", "postern"), nil
	}
	return "", usageErrorf("no data directory: neither --data-dir nor HOME is set")
}
