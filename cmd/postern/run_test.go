package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/catalog/api/apitest"
)

// postern is a running Postern, as far as the command line can tell.
type postern struct {
	*apitest.World
	dataDir string
}

// start serves a control plane on the control socket of a new data directory.
func start(t *testing.T) postern {
	t.Helper()
	p := postern{World: apitest.Start(t), dataDir: shortTempDir(t)}
	serve(t, p.dataDir, p.Handler)
	return p
}

// serve answers on the control socket in dir until the test ends.
func serve(t *testing.T, dir string, handler http.Handler) {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(dir, "control.sock"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
}

// shortTempDir is a directory whose sockets have a path short enough.
func shortTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// result is what a command left behind.
type result struct {
	code           int
	stdout, stderr string
}

// command is a command line to run.
type command struct {
	args     []string
	stdin    string
	env      []string
	terminal bool
	exec     func(path string, args, env []string) error
}

func (c command) run(ctx context.Context) result {
	var stdout, stderr strings.Builder
	code := run(ctx, &app{
		stdin:    strings.NewReader(c.stdin),
		stdout:   &stdout,
		stderr:   &stderr,
		args:     c.args,
		env:      c.env,
		terminal: c.terminal,
		exec:     c.exec,
	})
	return result{code, stdout.String(), stderr.String()}
}

// postern runs a command line that talks to p, its words divided by spaces.
func (p postern) postern(t *testing.T, line string) result {
	t.Helper()
	return command{args: strings.Fields(line), env: p.env()}.run(t.Context())
}

func (p postern) env() []string { return []string{"POSTERN_DATA_DIR=" + p.dataDir} }

// must is postern for a line that has to succeed.
func (p postern) must(t *testing.T, line string) string {
	t.Helper()
	r := p.postern(t, line)
	if r.code != exitDone {
		t.Fatalf("postern %s: exit code %d: %s", line, r.code, r.stderr)
	}
	return r.stdout
}
