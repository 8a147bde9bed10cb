package main

import (
	"context"
	"os"
	"syscall"
)

func main() {
	ctx, stop := withSignals(context.Background())
	code := run(ctx, &app{
		stdin:    os.Stdin,
		stdout:   os.Stdout,
		stderr:   os.Stderr,
		args:     os.Args[1:],
		env:      os.Environ(),
		terminal: isTerminal(os.Stdin),
		exec:     syscall.Exec,
	})
	stop()
	os.Exit(code)
}
