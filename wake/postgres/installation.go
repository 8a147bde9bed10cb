package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Installation is one set of PostgreSQL binaries.
type Installation struct {
	// Major is the major version, as in PG_VERSION: 15.
	Major int
	// Version is as the server says it: "15.7".
	Version string
	// BinDir holds postgres and initdb.
	BinDir string
}

// Search says where to look for PostgreSQL.
type Search struct {
	// BinDir, if set, is the only place looked at (--pg-bin).
	BinDir string
	// Env stands for os.Getenv, its default. POSTERN_PG_BIN, if set, is the only
	// place looked at where BinDir is empty; PATH is the last one.
	Env func(string) string
	// Pattern is where packages put versions side by side; "" means Debian's
	// /usr/lib/postgresql/*/bin.
	Pattern string
}

// MissingError says that there is no usable PostgreSQL.
type MissingError struct {
	// Major is the version asked for, 0 for any.
	Major int
	// Looked is where.
	Looked []string
	// Cause is what was wrong with the place that was asked for, if one was.
	Cause error
}

func (e *MissingError) Error() string {
	what := "PostgreSQL"
	if e.Major != 0 {
		what = fmt.Sprintf("PostgreSQL %d", e.Major)
	}
	s := fmt.Sprintf("%s not found (looked in %s); install the package %s or name the directory with --pg-bin",
		what, strings.Join(e.Looked, ", "), e.Package())
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Package is the Debian package that would help.
func (e *MissingError) Package() string {
	if e.Major == 0 {
		return "postgresql"
	}
	return fmt.Sprintf("postgresql-%d", e.Major)
}

// Unwrap returns the cause.
func (e *MissingError) Unwrap() error { return e.Cause }

// Find returns the installations that work, newest first: those of pg_config
// --bindir, /usr/lib/postgresql/*/bin and PATH, or only that of the directory
// that was named. Of each major version the first one counts. None is a
// *MissingError.
func Find(ctx context.Context, s Search) ([]Installation, error) {
	if s.Env == nil {
		s.Env = os.Getenv
	}
	if dir := cmp.Or(s.BinDir, s.Env("POSTERN_PG_BIN")); dir != "" {
		found, err := inspect(ctx, dir)
		if err != nil {
			return nil, &MissingError{Looked: []string{dir}, Cause: err}
		}
		return []Installation{found}, nil
	}
	var found []Installation
	dirs := s.places(ctx)
	for _, dir := range dirs {
		i, err := inspect(ctx, dir)
		if err != nil || slices.ContainsFunc(found, func(f Installation) bool { return f.Major == i.Major }) {
			continue
		}
		found = append(found, i)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("find PostgreSQL: %w", err)
	}
	if len(found) == 0 {
		return nil, &MissingError{Looked: append([]string{"pg_config --bindir", s.pattern()}, "PATH")}
	}
	slices.SortStableFunc(found, func(a, b Installation) int { return cmp.Compare(b.Major, a.Major) })
	return found, nil
}

// Pick returns the installation of a major version, or the first one for 0.
// Where there is none, the error is a *MissingError.
func Pick(found []Installation, major int) (Installation, error) {
	var looked []string
	for _, i := range found {
		if major == 0 || i.Major == major {
			return i, nil
		}
		looked = append(looked, i.BinDir)
	}
	return Installation{}, &MissingError{Major: major, Looked: looked}
}

func (s Search) pattern() string { return cmp.Or(s.Pattern, "/usr/lib/postgresql/*/bin") }

// places lists the directories to look at, best first.
func (s Search) places(ctx context.Context) []string {
	var dirs []string
	path := filepath.SplitList(s.Env("PATH"))
	for _, dir := range path {
		if out, err := exec.CommandContext(ctx, filepath.Join(dir, "pg_config"), "--bindir").Output(); err == nil {
			dirs = append(dirs, strings.TrimSpace(string(out)))
			break
		}
	}
	packaged, _ := filepath.Glob(s.pattern())
	return append(append(dirs, packaged...), path...)
}

// inspect asks the binaries in dir what they are.
func inspect(ctx context.Context, dir string) (Installation, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Installation{}, fmt.Errorf("inspect %s: %w", dir, err)
	}
	for _, name := range []string{"postgres", "initdb"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				err = fmt.Errorf("no %s there", name)
			}
			return Installation{}, fmt.Errorf("inspect %s: %w", dir, err)
		}
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return Installation{}, fmt.Errorf("inspect %s: postgres --version: %w", dir, err)
	}
	version, major, err := parseVersion(string(out))
	if err != nil {
		return Installation{}, fmt.Errorf("inspect %s: %w", dir, err)
	}
	return Installation{Major: major, Version: version, BinDir: dir}, nil
}

// parseVersion reads "postgres (PostgreSQL) 15.7 (Debian 15.7-0+deb12u1)" and
// also "16beta1".
func parseVersion(s string) (version string, major int, err error) {
	_, rest, ok := strings.Cut(s, "(PostgreSQL)")
	if !ok {
		return "", 0, fmt.Errorf("parse version %q: not PostgreSQL's", strings.TrimSpace(s))
	}
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return "", 0, fmt.Errorf("parse version %q: no number", strings.TrimSpace(s))
	}
	digits := strings.IndexFunc(fields[0], func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(fields[0])
	}
	major, err = strconv.Atoi(fields[0][:digits])
	if err != nil {
		return "", 0, fmt.Errorf("parse version %q: no number", strings.TrimSpace(s))
	}
	return fields[0], major, nil
}
