package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// benchmarks by name.
var benchmarks = map[string]func(ctx context.Context, args []string) error{
	"proxy": benchProxy,
	"show":  showResult,
	"wake":  benchWake,
}

const usage = `usage: bench proxy [flags]    relay and pool beside PostgreSQL alone and PgBouncer
       bench show FILE        print a result that "proxy -o json" wrote
       bench wake [flags]     create, wake, suspend, idle and sleep beside a start by hand
"bench proxy -help" and "bench wake -help" list the flags.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if len(os.Args) > 1 && (os.Args[1] == "-help" || os.Args[1] == "--help" || os.Args[1] == "-h") {
		fmt.Print(usage)
		return
	}
	if len(os.Args) < 2 || benchmarks[os.Args[1]] == nil {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	err := benchmarks[os.Args[1]](ctx, os.Args[2:])
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
