package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	control "postern/catalog/api/client"
	"postern/wake/postgres"
)

// dev is a `postern dev` of the benchmark's own.
type dev struct {
	installation postgres.Installation
	user         postgres.User // who runs the instances; zero for oneself
	command      *exec.Cmd
	dataDir      string
	client       *control.Client
}

// startDev builds the program, starts it with further variables in its
// environment, and waits until it is ready. Stop it at the end.
func startDev(ctx context.Context, installation postgres.Installation, variables ...string) (_ *dev, err error) {
	dir, err := makeDir()
	if err != nil {
		return nil, err
	}
	d := &dev{installation: installation, dataDir: filepath.Join(dir, "data")}
	defer func() {
		if err != nil {
			d.stop()
		}
	}()
	if os.Geteuid() == 0 {
		if d.user, err = postgres.LookupUser("postgres"); err != nil {
			return nil, err
		}
	}
	program, err := buildPostern(ctx, dir)
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	command := exec.Command(program, "dev", "--data-dir", d.dataDir, "--listen", address, "--http", "127.0.0.1:0", "--pg-bin", installation.BinDir)
	command.Env = append(withoutSettings(os.Environ()), "POSTERN_LOG_LEVEL=error")
	command.Env = append(command.Env, variables...)
	command.Stderr = os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt is for the benchmark alone
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	d.command = command
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "psql ") {
		return nil, fmt.Errorf("postern did not start: %q, %v", line, err)
	}
	d.client = control.Socket(filepath.Join(d.dataDir, "control.sock"))
	return d, nil
}

// makeDir makes the directory for everything that a benchmark writes. Unlike
// other temporary directories, the account of PostgreSQL may pass through.
func makeDir() (string, error) {
	dir, err := os.MkdirTemp("", "postern-bench-")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o711)
}

// stop ends Postern and removes what it wrote.
func (d *dev) stop() {
	if d.client != nil {
		d.client.Close()
	}
	if d.command != nil {
		d.command.Process.Signal(syscall.SIGTERM)
		timer := time.AfterFunc(time.Minute, func() { d.command.Process.Kill() })
		d.command.Wait()
		timer.Stop()
	}
	d.endInstances()
	os.RemoveAll(filepath.Dir(d.dataDir))
}

// endInstances ends what Postern has not: what was started by hand when an
// interrupt came, and everything if Postern did not end by itself.
func (d *dev) endInstances() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, pattern := range []string{"tenants/*/data", "catalog/data"} {
		dirs, _ := filepath.Glob(filepath.Join(d.dataDir, pattern))
		for _, dir := range dirs {
			cluster := &postgres.Cluster{Installation: d.installation, User: d.user, DataDir: dir}
			if instance, err := cluster.Found(); err == nil && instance != nil {
				_ = instance.Stop(ctx, postgres.Immediate)
				instance.Release()
			}
		}
	}
}
