package main

import (
	"flag"
	"fmt"
	"io"
)

// wakeOptions are the flags of `bench wake`.
type wakeOptions struct {
	N        int  // how often single events are measured
	Crashes  int  // how often a postmaster is killed
	Crowd    int  // tenants that are woken at once
	Storms   int  // how often all of them are
	Wakes    int  // at each concurrency of the plot, at least
	Records  int  // further tenants that only sleep
	Idle     int  // seconds over which CPU is read
	Prepared int  // wake.process.prepared, of creates of their own; 0 = not measured
	Spares   int  // wake.process.spares, likewise
	Quick    bool // a short look
	PGBin    string
	Format   string
	SVG      string
}

// parseWakeOptions reads the flags. What it prints for -help goes to output.
func parseWakeOptions(args []string, output io.Writer) (wakeOptions, error) {
	var o wakeOptions
	flags := flag.NewFlagSet("bench wake", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.IntVar(&o.N, "n", 20, "how often create, wake and suspend are measured")
	flags.IntVar(&o.Crashes, "crashes", 10, "how often a postmaster is killed")
	flags.IntVar(&o.Crowd, "crowd", 100, "`tenants` that are woken at once; each takes about 40 MB of disk")
	flags.IntVar(&o.Storms, "storms", 5, "how often all of them are woken")
	flags.IntVar(&o.Wakes, "wakes", 64, "least number of wakes at each concurrency of the plot")
	flags.IntVar(&o.Records, "records", 1000, "further `tenants` that sleep while Postern's memory and CPU are read")
	flags.IntVar(&o.Idle, "idle", 30, "`seconds` over which the CPU of idle tenants is read")
	flags.IntVar(&o.Prepared, "prepared", 5, "also create with so many prepared `clones` (wake.process.prepared)")
	flags.IntVar(&o.Spares, "spares", 5, "also create with so many running `spares` (wake.process.spares)")
	flags.BoolVar(&o.Quick, "quick", false, "a short look: 5 of each, 20 tenants at once, 5 seconds")
	flags.StringVar(&o.PGBin, "pg-bin", "", "`directory` with PostgreSQL's programs (default: looked for)")
	flags.StringVar(&o.Format, "o", "table", "output `format`: table or json")
	flags.StringVar(&o.SVG, "svg", "", "also draw wake latency by concurrency into this `file`")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.Quick {
		given := map[string]bool{}
		flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
		for name, set := range map[string]func(){
			"n": func() { o.N = 5 }, "crashes": func() { o.Crashes = 3 }, "crowd": func() { o.Crowd = 20 },
			"storms": func() { o.Storms = 1 }, "wakes": func() { o.Wakes = 16 }, "records": func() { o.Records = 200 },
			"idle": func() { o.Idle = 5 },
		} {
			if !given[name] {
				set()
			}
		}
	}
	return o, o.check(flags.NArg())
}

func (o wakeOptions) check(arguments int) error {
	switch {
	case arguments > 0:
		return fmt.Errorf("bench wake takes flags only")
	case min(o.N, o.Crashes, o.Crowd, o.Storms, o.Wakes, o.Idle) < 1:
		return fmt.Errorf("-n, -crashes, -crowd, -storms, -wakes and -idle must be at least 1")
	case min(o.Records, o.Prepared, o.Spares) < 0:
		return fmt.Errorf("-records, -prepared and -spares must not be negative")
	case o.Format != "table" && o.Format != "json":
		return fmt.Errorf("-o %q is neither table nor json", o.Format)
	}
	return nil
}
