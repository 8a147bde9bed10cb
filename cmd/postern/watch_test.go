package main

import (
	"os"
	"path/filepath"
	"testing"

	"postern/configs"
	"postern/proxy/pgtest"
)

// Unchanged certificates are recognised by what is in the files, not by the files.
// Promises: G117.
func TestSameTLS(t *testing.T) {
	t.Parallel()
	one, other := pgtest.NewAuthority(t), pgtest.NewAuthority(t)
	from := func(authority *pgtest.Authority, dir, version string) configs.TLS {
		cert, key := authority.WriteFiles(t, dir, "localhost")
		return configs.TLS{Mode: "allow", MinVersion: version, Certificates: []configs.Certificate{{Cert: cert, Key: key}}}
	}
	first := from(one, t.TempDir(), "1.2")
	copied := t.TempDir()
	for _, file := range certificateFiles(configs.Config{TLS: first}) {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(copied, filepath.Base(file)), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	moved := first
	moved.Certificates = []configs.Certificate{{Cert: filepath.Join(copied, "localhost.crt"), Key: filepath.Join(copied, "localhost.key")}}
	older := first
	older.MinVersion = "1.3"
	for name, test := range map[string]struct {
		config configs.TLS
		same   bool
	}{
		"itself": {first, true}, "in other files": {moved, true}, "another": {from(other, t.TempDir(), "1.2"), false},
		"anew": {from(one, t.TempDir(), "1.2"), false}, "version": {older, false}, "none": {configs.TLS{Mode: "off"}, false},
	} {
		a, err := clientTLS(first)
		if err != nil {
			t.Fatal(err)
		}
		b, err := clientTLS(test.config)
		if err != nil {
			t.Fatal(err)
		}
		if sameTLS(a, b) != test.same || sameTLS(b, a) != test.same {
			t.Errorf("%s: the same is %v", name, !test.same)
		}
	}
	if !sameTLS(nil, nil) {
		t.Error("nothing differs from nothing")
	}
}

// A file that another takes the place of has changed, as one that has gone has;
// one that was only touched has not. Kubernetes exchanges a directory behind a
// symbolic link.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "data", "postern.toml")
	put := func(version, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, version, "postern.toml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(dir, "new")
		if err := os.Symlink(version, link); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link, filepath.Join(dir, "data")); err != nil {
			t.Fatal(err)
		}
	}
	put("1", "a")
	first := fingerprintOf(file, configs.Default())
	put("2", "a")
	if fingerprintOf(file, configs.Default()) != first {
		t.Error("the same text is a change")
	}
	put("3", "b")
	second := fingerprintOf(file, configs.Default())
	if second == first {
		t.Error("another text is no change")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if fingerprintOf(file, configs.Default()) == second {
		t.Error("its going is no change")
	}
}
