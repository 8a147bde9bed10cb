package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"postern/catalog/api/client"
)

// postern is a `postern dev` of the benchmark's own.
type postern struct {
	command *exec.Cmd
	dataDir string
	client  *client.Client
}

// startPostern builds the program, starts it and waits until it is ready. Stop
// it at the end.
func startPostern(ctx context.Context, pgBin string) (*postern, error) {
	// Not the temporary directory's own mode: the account of Postgres passes through.
	dir, err := os.MkdirTemp("", "postern-bench-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		return nil, err
	}
	binary := filepath.Join(dir, "postern")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/postern").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build postern: %w: %s", err, out)
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p := &postern{dataDir: filepath.Join(dir, "data")}
	p.command = exec.Command(binary, "dev", "--data-dir", p.dataDir, "--listen", address, "--http", "127.0.0.1:0", "--pg-bin", pgBin)
	p.command.Env = append(os.Environ(), "POSTERN_LOG_LEVEL=warn")
	p.command.Stderr = os.Stderr
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "psql ") {
		p.stop()
		return nil, fmt.Errorf("postern did not start: %q, %v", line, err)
	}
	p.client = client.Socket(filepath.Join(p.dataDir, "control.sock"))
	return p, nil
}

// freeAddress finds a port that nobody uses now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// stop ends Postern and removes what it wrote.
func (p *postern) stop() {
	if p.client != nil {
		p.client.Close()
	}
	p.command.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(time.Minute, func() { p.command.Process.Kill() })
	p.command.Wait()
	timer.Stop()
	os.RemoveAll(filepath.Dir(p.dataDir))
}
