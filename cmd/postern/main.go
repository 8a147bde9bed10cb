package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// Only the first signal ends ctx. Later ones are for who listens: a daemon
	// that is stopping its instances must not be killed halfway by a second one
	// that came with the first.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
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
