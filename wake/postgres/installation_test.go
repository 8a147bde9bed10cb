package postgres

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in, version string
		major       int
	}{
		{"postgres (PostgreSQL) 15.7 (Debian 15.7-0+deb12u1)\n", "15.7", 15},
		{"postgres (PostgreSQL) 18beta1", "18beta1", 18},
		{"postgres (PostgreSQL) 9.6.24", "9.6.24", 9},
		{"postgres (PostgreSQL)", "", 0},
		{"postgres (PostgreSQL) devel", "", 0},
		{"mysqld Ver 8.0", "", 0},
		{"", "", 0},
	} {
		version, major, err := parseVersion(c.in)
		if version != c.version || major != c.major || (err == nil) != (c.major != 0) {
			t.Errorf("%q is %q, %d, %v", c.in, version, major, err)
		}
	}
}

// install makes a directory that looks like an installation.
func install(t *testing.T, dir, version string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"postgres":  fmt.Sprintf("echo 'postgres (PostgreSQL) %s'", version),
		"initdb":    "exit 1",
		"pg_config": "echo '" + dir + "'",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFind(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	install(t, root+"/lib/15/bin", "15.7")
	install(t, root+"/lib/17/bin", "17.2")
	install(t, root+"/lib/9/bin", "not a version")
	own := install(t, root+"/own", "16.1")
	path := install(t, root+"/path", "15.2")
	all := root + "/lib/*/bin"
	none := root + "/none/*"
	for _, c := range []struct {
		name string
		s    Search
		env  map[string]string
		want string
	}{
		{"packages", Search{Pattern: all}, nil, "17.2 15.7"},
		{"pg_config before packages", Search{Pattern: all}, map[string]string{"PATH": path}, "17.2 15.2"},
		{"path alone", Search{Pattern: none}, map[string]string{"PATH": root + "/none:" + path}, "15.2"},
		{"environment", Search{Pattern: all}, map[string]string{"POSTERN_PG_BIN": own, "PATH": path}, "16.1"},
		{"flag before environment", Search{Pattern: all, BinDir: path}, map[string]string{"POSTERN_PG_BIN": own}, "15.2"},
		{"nothing", Search{Pattern: none}, nil, ""},
		{"flag that names nothing", Search{Pattern: all, BinDir: root}, nil, ""},
	} {
		c.s.Env = func(name string) string { return c.env[name] }
		found, err := Find(t.Context(), c.s)
		var got []string
		for _, i := range found {
			got = append(got, i.Version)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: found %v, %v", c.name, found, err)
		}
		var missing *MissingError
		if c.want == "" && (!errors.As(err, &missing) || !strings.Contains(err.Error(), "package postgresql")) {
			t.Errorf("%s: error %v", c.name, err)
		}
	}
}

func TestPick(t *testing.T) {
	t.Parallel()
	found := []Installation{{Major: 17}, {Major: 15}}
	for major, want := range map[int]int{0: 17, 15: 15, 17: 17, 16: 0} {
		i, err := Pick(found, major)
		if i.Major != want {
			t.Errorf("for %d: %d", major, i.Major)
		}
		var missing *MissingError
		if want == 0 && (!errors.As(err, &missing) || missing.Package() != "postgresql-16") {
			t.Errorf("for %d: %v", major, err)
		}
	}
}
