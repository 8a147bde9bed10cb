package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"postern/wake/postgres"
)

// daemonConfig says how Postern is run.
type daemonConfig struct {
	// Serve is the configuration file of `postern serve`; "" runs `postern dev`.
	Serve string
	// Args are further flags, Env further variables.
	Args, Env []string
	// Account runs it, where the test is root; "" is the test's own.
	Account string
}

// daemon is a running Postern with a data directory of its own.
type daemon struct {
	config  daemonConfig
	dataDir string
	// postgres and http are its addresses. Those of dev stay the same over
	// restarts.
	postgres, http string
	// printed is the connection string that dev printed for the tenant demo.
	printed string

	account postgres.User
	process *exec.Cmd
	exited  chan struct{} // closed when process is over
}

// startDev starts `postern dev` and stops it when the test ends, which fails if
// it ends otherwise than well or leaves anything behind.
func startDev(t testing.TB, config daemonConfig) *daemon {
	t.Helper()
	d := newDaemon(t, config)
	d.start(t)
	return d
}

// newDaemon prepares one that is not started yet.
func newDaemon(t testing.TB, config daemonConfig) *daemon {
	t.Helper()
	dir := guardedDir(t)
	d := &daemon{config: config, dataDir: filepath.Join(dir, "data"), postgres: "127.0.0.1:0", http: "127.0.0.1:0"}
	if config.Account != "" {
		var err error
		if d.account, err = postgres.LookupUser(config.Account); err != nil {
			t.Fatal(err)
		}
		if err := d.account.Own(dir); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if d.running() {
			if code := d.stop(t); code != 0 {
				t.Errorf("postern ended with exit code %d", code)
			}
		}
		log, _ := os.ReadFile(d.logFile())
		checkOutput(t, log)
		if t.Failed() {
			t.Logf("end of postern's log:\n%s", log[max(0, len(log)-6000):])
		}
	})
	return d
}

func (d *daemon) logFile() string    { return filepath.Join(filepath.Dir(d.dataDir), "log") }
func (d *daemon) outputFile() string { return filepath.Join(filepath.Dir(d.dataDir), "output") }

// start starts it and waits until it is ready; dev has printed how to connect
// then.
func (d *daemon) start(t testing.TB) {
	t.Helper()
	output, log := d.launch(t)
	eventually(t, "postern is ready", func() bool {
		if !d.running() {
			t.Fatalf("postern ended at its start: %v", d.process.ProcessState)
		}
		return d.readAddresses(log) && (d.config.Serve != "" || d.readPrinted(output))
	})
}

// launch starts the process and returns where in the output and in the log that
// begins which it will write.
func (d *daemon) launch(t testing.TB) (output, log int64) {
	t.Helper()
	stdout, stderr := openAppend(t, d.outputFile()), openAppend(t, d.logFile())
	defer stdout.Close()
	defer stderr.Close()
	output, _ = stdout.Seek(0, 2)
	log, _ = stderr.Seek(0, 2)
	args := []string{"dev", "--data-dir", d.dataDir, "--listen", d.postgres, "--http", d.http}
	if d.config.Serve != "" {
		args = []string{"serve", "--data-dir", d.dataDir, "--config", d.config.Serve}
	}
	d.process = exec.Command(postern(t), append(args, d.config.Args...)...)
	d.process.Stdout, d.process.Stderr = stdout, stderr
	d.process.Dir = "/"
	d.process.Env = append(environment(t), d.config.Env...)
	d.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if d.account != (postgres.User{}) {
		d.process.SysProcAttr.Credential = &syscall.Credential{Uid: d.account.UID, Gid: d.account.GID}
	}
	if err := d.process.Start(); err != nil {
		t.Fatal(err)
	}
	process, exited := d.process, make(chan struct{})
	d.exited = exited
	go func() { // ends with the process, for which the cleanup waits
		defer close(exited)
		_ = process.Wait()
	}()
	return output, log
}

func openAppend(t testing.TB, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// running reports whether the process runs.
func (d *daemon) running() bool {
	if d.process == nil {
		return false
	}
	select {
	case <-d.exited:
		return false
	default:
		return true
	}
}

// signal sends the process a signal.
func (d *daemon) signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := d.process.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("signal postern: %v", err)
	}
}

// wait waits for the end of the process and returns its exit code.
func (d *daemon) wait(t testing.TB) int {
	t.Helper()
	eventually(t, "postern ends", func() bool { return !d.running() })
	return d.process.ProcessState.ExitCode()
}

// stop ends it as a service manager would and returns its exit code.
func (d *daemon) stop(t testing.TB) int {
	t.Helper()
	d.signal(t, syscall.SIGTERM)
	return d.wait(t)
}

// kill9 ends it without a warning.
func (d *daemon) kill9(t testing.TB) {
	t.Helper()
	d.signal(t, syscall.SIGKILL)
	d.wait(t)
}
