package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a program that runs until it is stopped.
type process struct {
	name    string
	command *exec.Cmd
	logFile string
	exited  chan struct{} // closed when it is over
}

// startProcess starts a program with its output in logFile. It gets a process
// group of its own, so that an interrupt at the terminal reaches the benchmark
// alone, which then stops it. With pinned it runs on the first CPU only.
func startProcess(name string, command *exec.Cmd, logFile string, pinned bool) (*process, error) {
	log, err := os.Create(logFile)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	command.Stdout, command.Stderr = log, log
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	command.SysProcAttr.Setpgid = true
	p := &process{name: name, command: command, logFile: logFile, exited: make(chan struct{})}
	if err := startOn(command, pinned); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() { // ends with the process, for which stop waits
		defer close(p.exited)
		command.Wait()
	}()
	return p, nil
}

// startOn starts a command, pinned to the first CPU if asked.
func startOn(command *exec.Cmd, pinned bool) error {
	if !pinned {
		return command.Start()
	}
	// A child inherits the affinity of the thread that starts it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("read affinity: %w", err)
	}
	first := firstCPU(&before)
	if err := unix.SchedSetaffinity(0, &first); err != nil {
		return fmt.Errorf("set affinity: %w", err)
	}
	defer unix.SchedSetaffinity(0, &before)
	return command.Start()
}

func (p *process) pid() int { return p.command.Process.Pid }

// stop ends the process with a signal, or by force after half a minute.
func (p *process) stop(signal syscall.Signal) {
	p.command.Process.Signal(signal)
	select {
	case <-p.exited:
	case <-time.After(30 * time.Second):
		p.command.Process.Kill()
		<-p.exited
	}
}

// log is the end of what the process has written.
func (p *process) log() string {
	text, _ := os.ReadFile(p.logFile)
	return string(bytes.TrimSpace(text[max(0, len(text)-1000):]))
}
