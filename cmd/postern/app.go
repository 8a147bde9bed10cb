package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"postern/catalog/api"
)

// app is everything of the process that commands may touch.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	// args are the arguments without the program's name, env is as os.Environ.
	args, env []string
	// terminal: a person sits at stdin.
	terminal bool
	// exec replaces the process; it returns only if that failed.
	exec func(path string, args, env []string) error
}

// run runs the command that a.args name and returns its exit code.
func run(ctx context.Context, a *app) int {
	root := newRootCommand(a)
	root.SetArgs(a.args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(ctx)
	code := exitCode(ctx, err)
	if code == exitInterrupted {
		err = errors.New("interrupted")
	}
	a.report(err)
	return code
}

// getenv returns a variable of the environment, "" if it is not there.
func (a *app) getenv(name string) string {
	for _, variable := range a.env {
		if value, ok := strings.CutPrefix(variable, name+"="); ok {
			return value
		}
	}
	return ""
}

// report tells the user what went wrong, and what to do about it if known.
func (a *app) report(err error) {
	if err == nil {
		return
	}
	fmt.Fprintf(a.stderr, "postern: %v\n", err)
	var problem *api.Problem
	if errors.As(err, &problem) {
		for _, field := range problem.Errors {
			fmt.Fprintf(a.stderr, "  %s: %s\n", field.Location, field.Message)
		}
		for line := range strings.Lines(problem.Log) {
			fmt.Fprintf(a.stderr, "log: %s\n", strings.TrimSuffix(line, "\n"))
		}
		if problem.Hint != "" {
			fmt.Fprintf(a.stderr, "hint: %s\n", problem.Hint)
		}
	}
	var failure *exitError
	if errors.As(err, &failure) && failure.hint != "" {
		fmt.Fprintf(a.stderr, "hint: %s\n", failure.hint)
	}
}

// isTerminal reports whether f is a terminal, or some other device that is not
// the empty one.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
