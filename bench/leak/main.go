// Command leak runs the leak test (package leaktest) against PostgreSQL itself,
// against PgBouncer in transaction mode, or against any address, and prints how
// many violations of each kind it has found.
//
//	go run ./bench/leak -peer postgres            # none, or the test is wrong
//	go run ./bench/leak -peer pgbouncer -no-prepared
//	go run ./bench/leak -duration 10m -dsn postgres://app.a:…@127.0.0.1/app -dsn …
//
// With -peer it makes a PostgreSQL server of its own, with a database for each
// tenant, and removes it at the end. With -dsn each role must own its database,
// and what the test makes there stays.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"postern/proxy/leaktest"
)

// options are the flags.
type options struct {
	peer      string
	tenants   int
	pool      int
	pgBin     string
	pgbouncer string
	dsn       list
	details   bool
	test      leaktest.Config
}

// list is a flag that may be given several times.
type list []string

func (l *list) String() string         { return fmt.Sprint(*l) }
func (l *list) Set(value string) error { *l = append(*l, value); return nil }

func parseOptions() (options, error) {
	var o options
	flag.StringVar(&o.peer, "peer", "", "test `postgres` or pgbouncer, on a server of its own")
	flag.Var(&o.dsn, "dsn", "connection `string` of a tenant; give one for each")
	flag.IntVar(&o.tenants, "tenants", 8, "how many tenants -peer makes")
	flag.IntVar(&o.pool, "pool", 4, "PgBouncer's server connections for each tenant")
	flag.StringVar(&o.pgBin, "pg-bin", "", "`directory` with PostgreSQL's programs (default: looked for)")
	flag.StringVar(&o.pgbouncer, "pgbouncer", "pgbouncer", "PgBouncer's `program`")
	flag.BoolVar(&o.details, "v", false, "print the first violations of each kind, and what was done how often")
	flag.IntVar(&o.test.Clients, "clients", 64, "clients in all")
	flag.Uint64Var(&o.test.Seed, "seed", 0, "what each client chooses (default: by chance)")
	flag.DurationVar(&o.test.Duration, "duration", 30*time.Second, "how long")
	flag.IntVar(&o.test.Actions, "actions", 0, "end each client after so many actions")
	flag.IntVar(&o.test.Only, "only", 0, "run only the client with this `number`")
	flag.DurationVar(&o.test.Timeout, "timeout", time.Minute, "how long an answer may take")
	flag.BoolVar(&o.test.Startup, "startup", false, "send more settings in the startup message than PgBouncer knows")
	flag.BoolVar(&o.test.NoPrepared, "no-prepared", false, "leave out statements that are prepared in the protocol")
	flag.StringVar(&o.test.Role, "role", "", "a `role` to SET ROLE to; with -peer it is made")
	flag.BoolVar(&o.test.Functions, "functions", false, "make state inside functions too")
	flag.Parse()
	if flag.NArg() > 0 || (o.peer == "") == (len(o.dsn) == 0) || o.tenants < 1 || o.pool < 1 {
		return o, fmt.Errorf("give -peer or -dsn, at least one tenant and one connection, and no arguments")
	}
	return o, nil
}

func main() {
	o, err := parseOptions()
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		defer stop()
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "leak:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	for i, dsn := range o.dsn {
		o.test.Tenants = append(o.test.Tenants, leaktest.Tenant{Name: tenantName(i), DSN: dsn})
	}
	if o.peer != "" {
		stop, err := startPeer(ctx, &o)
		if err != nil {
			return err
		}
		defer stop()
	}
	report, err := leaktest.Run(ctx, o.test)
	if err != nil {
		return err
	}
	fmt.Print(report)
	if o.details {
		for _, violation := range report.Violations {
			fmt.Printf("\n%v\n", violation)
		}
		fmt.Println(report.Did)
	}
	return nil
}

func tenantName(i int) string { return "tenant" + strconv.Itoa(i+1) }
