package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// scenarios by name.
var scenarios = map[string]func(ctx context.Context, args []string) error{
	"wake": benchWake,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) < 2 || scenarios[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: bench wake [flags]")
		os.Exit(2)
	}
	if err := scenarios[os.Args[1]](ctx, os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
