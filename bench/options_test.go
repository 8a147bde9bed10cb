package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"postern/configs"
	"postern/wake/postgres"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	o, err := parseOptions(nil, io.Discard)
	if err != nil || o.Runs != 5 || o.Seconds != 3 || o.Pool != 20 || o.CopySize != 1e9 || !o.Pattern.matches("anything") {
		t.Errorf("defaults: %+v, %v", o, err)
	}
	o, err = parseOptions([]string{"-quick", "-runs", "3", "-scenario", "^copy"}, io.Discard)
	if err != nil || o.Runs != 3 || o.Seconds != 1 || !o.Pattern.matches("copy-in") || o.Pattern.matches("idle-2000") {
		t.Errorf("a quick look: %+v, %v", o, err)
	}
	for _, args := range [][]string{{"-runs", "0"}, {"-o", "xml"}, {"-backend", "carrier pigeon"}, {"-scenario", "("}, {"word"}, {"-nosuch"}} {
		if o, err := parseOptions(args, io.Discard); err == nil {
			t.Errorf("%q: %+v", args, o)
		}
	}
}

func TestTracksPrepared(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{"1.18.0": false, "1.20.1": false, "1.21.0": true, "1.25.0": true, "2.0": true, "unknown": false} {
		if got := (&bouncer{version: version}).tracksPrepared(); got != want {
			t.Errorf("%s: %v", version, got)
		}
	}
}

// Postern's configuration, and its tenants', are such as it accepts.
func TestPosternConfig(t *testing.T) {
	t.Parallel()
	s := &server{cluster: &postgres.Cluster{Port: 5433}, login: newLogin()}
	p := &peer{address: "127.0.0.1:6432", pool: 2}
	dir := t.TempDir()
	for i, b := range []builtPostern{{}, {engine: "goroutine"}} {
		file := filepath.Join(dir, fmt.Sprintf("postern%d.toml", i))
		if err := os.WriteFile(file, []byte(b.config(p, "session", filepath.Join(dir, "tenants"), certificate{"tls.crt", "tls.key"})), 0o600); err != nil {
			t.Fatal(err)
		}
		config, err := configs.Load(file, nil, nil)
		if err != nil || config.Pool.DefaultPoolSize != 2 || config.Complete() != nil {
			t.Errorf("%v: pool of %d", err, config.Pool.DefaultPoolSize)
		}
	}
	if err := writeTenants(filepath.Join(dir, "tenants"), s, "tcp", 3); err != nil {
		t.Fatal(err)
	}
	if files, err := filepath.Glob(filepath.Join(dir, "tenants", "*.toml")); err != nil || len(files) != 3 {
		t.Errorf("%v, %v", files, err)
	}
}
