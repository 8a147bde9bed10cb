package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tracer counts the system calls of a process: by perf, which hardly slows it, or
// by strace.
type tracer struct {
	name string
	args func(pid int, output string) []string
	read func(text string) (float64, error)
}

var tracers = []tracer{
	{"perf", func(pid int, output string) []string {
		return []string{"stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-o", output, "-p", strconv.Itoa(pid)}
	}, parsePerf},
	{"strace", func(pid int, output string) []string {
		return []string{"-c", "-f", "-qq", "-o", output, "-p", strconv.Itoa(pid)}
	}, parseStrace},
}

// findTracer returns one that works on this process's own children, or nil.
func findTracer(ctx context.Context, dir string) *tracer {
	for _, t := range tracers {
		if _, err := exec.LookPath(t.name); err == nil && t.works(ctx, dir) {
			return &t
		}
	}
	return nil
}

// works tries it on a cat that has a line to pass on.
func (t *tracer) works(ctx context.Context, dir string) bool {
	child := exec.CommandContext(ctx, "cat")
	input, err := child.StdinPipe()
	if err != nil || child.Start() != nil {
		return false
	}
	counted, err := t.count(ctx, dir, child.Process.Pid, func() error {
		_, err := input.Write([]byte("a line\n"))
		time.Sleep(100 * time.Millisecond)
		return err
	})
	input.Close()
	child.Wait()
	return err == nil && counted > 0
}

// count counts the calls of a process while something is done.
func (t *tracer) count(ctx context.Context, dir string, pid int, do func() error) (float64, error) {
	output := filepath.Join(dir, "syscalls")
	defer os.Remove(output)
	command := exec.CommandContext(ctx, t.name, t.args(pid, output)...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Env = append(os.Environ(), "LC_ALL=C")
	if err := command.Start(); err != nil {
		return 0, err
	}
	time.Sleep(300 * time.Millisecond) // it says nowhere that it is attached
	err := do()
	command.Process.Signal(syscall.SIGINT)
	command.Wait() // its exit code tells of our signal
	text, readErr := os.ReadFile(output)
	if err := errors.Join(err, readErr); err != nil {
		return 0, err
	}
	return t.read(string(text))
}

// parsePerf reads lines of perf stat -x, such as
// "11677,,raw_syscalls:sys_enter,16077216,100.00,,".
func parsePerf(text string) (float64, error) {
	for line := range strings.Lines(text) {
		if fields := strings.Split(line, ","); len(fields) > 2 && strings.HasPrefix(fields[2], "raw_syscalls:sys_enter") {
			return strconv.ParseFloat(fields[0], 64)
		}
	}
	return 0, errors.New("perf counted nothing")
}

// parseStrace reads the total of strace -c, whose columns are time, seconds,
// usecs/call, calls, perhaps errors, and the name; older versions leave
// usecs/call of the total out.
func parseStrace(text string) (float64, error) {
	calls := -1 // the end of the column in the line of titles
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if end := strings.Index(line, "calls    errors"); end >= 0 {
			calls = end + len("calls")
		}
		if calls > 0 && strings.HasSuffix(line, " total") && len(line) > calls {
			fields := strings.Fields(line[:calls])
			return strconv.ParseFloat(fields[len(fields)-1], 64)
		}
	}
	return 0, errors.New("strace counted nothing")
}

// traced is a pgbench run that counts the proxy's system calls.
type traced struct{ pgbench }

func (w traced) run(ctx context.Context, l *lab, p *peer, seconds int) (sample, error) {
	if l.tracer == nil {
		return nil, errNotMeasured
	}
	var result pgbenchResult
	calls, err := l.tracer.count(ctx, l.dir, p.process.pid(), func() (err error) {
		result, err = w.execute(ctx, l, p, seconds, "")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count system calls by %s: %w", l.tracer.name, err)
	}
	return sample{syscalls: calls / result.transactions}, nil
}

// errNotMeasured: this machine or this peer does not allow it.
var errNotMeasured = errors.New("not measured")
