package main

import (
	"flag"
	"fmt"
	"io"
	"regexp"
)

// options are the flags of `bench proxy`.
type options struct {
	Runs     int     // rounds of each scenario
	Seconds  int     // length of a measurement
	Settle   int     // seconds before the memory of idle clients is read
	Scale    int     // pgbench's
	Pool     int     // server connections of a pool
	CopySize int64   // bytes
	Backend  string  // "tcp" or "unix": how the proxies reach PostgreSQL
	Engine   string  // Postern's pool.engine, "" for its default
	Mode     string  // Postern's pool.pool_mode, "" for transaction with session as fallback
	Quick    bool    // a short look
	Syscalls bool    // count system calls, in runs of their own
	Pattern  pattern // of the scenarios
	Peers    pattern // of the peers

	PgBouncer string // its program
	PGBin     string // PostgreSQL's programs
	Postern   string // a program that is built already
	Format    string
	SVG       string
	Profile   string // a directory for profiles of Postern's CPU
}

// pattern is a regular expression, as a flag.
type pattern struct{ *regexp.Regexp }

func (p *pattern) Set(text string) (err error) {
	p.Regexp, err = regexp.Compile(text)
	return err
}

func (p *pattern) String() string {
	if p.Regexp == nil {
		return ""
	}
	return p.Regexp.String()
}

func (p *pattern) matches(name string) bool { return p.Regexp == nil || p.MatchString(name) }

// MarshalText is for the result.
func (p pattern) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (p *pattern) UnmarshalText(text []byte) error { return p.Set(string(text)) }

// parseOptions reads the flags. What it prints for -help goes to output.
func parseOptions(args []string, output io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench proxy", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.IntVar(&o.Runs, "runs", 5, "`rounds` of each scenario; in each, every peer is measured once")
	flags.IntVar(&o.Seconds, "seconds", 3, "`length` of each measurement")
	flags.IntVar(&o.Settle, "settle", 5, "`seconds` of rest before the memory of idle clients is read")
	flags.IntVar(&o.Scale, "scale", 10, "pgbench's scale `factor`")
	flags.IntVar(&o.Pool, "pool", 20, "server `connections` of a pool")
	flags.Int64Var(&o.CopySize, "copy-size", 1e9, "`bytes` that COPY moves")
	flags.StringVar(&o.Backend, "backend", "tcp", "how the proxies reach PostgreSQL: tcp or unix")
	flags.StringVar(&o.Engine, "engine", "", "Postern's pool.engine (default: Postern's own)")
	flags.StringVar(&o.Mode, "pool-mode", "", "Postern's pool.pool_mode (default: transaction, or session where Postern refuses that)")
	flags.BoolVar(&o.Quick, "quick", false, "a short look: 2 rounds of 1 second, 64 MB, fewer idle clients")
	flags.BoolVar(&o.Syscalls, "syscalls", true, "count system calls with perf or strace, in runs of their own")
	flags.Var(&o.Pattern, "scenario", "only scenarios that match the `regexp`; \"list\" lists them")
	flags.Var(&o.Peers, "peer", "only peers that match the `regexp`: direct, pgbouncer, postern")
	flags.StringVar(&o.PgBouncer, "pgbouncer", "", "PgBouncer's `program` (default: looked for)")
	flags.StringVar(&o.PGBin, "pg-bin", "", "`directory` with PostgreSQL's programs (default: looked for)")
	flags.StringVar(&o.Postern, "postern", "", "Postern's `program` (default: built from ./cmd/postern)")
	flags.StringVar(&o.Format, "o", "table", "output `format`: table or json")
	flags.StringVar(&o.SVG, "svg", "", "also draw a plot of the selects into this `file`")
	flags.StringVar(&o.Profile, "profile", "", "keep a profile of Postern's CPU in each scenario in this `directory`")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.Quick {
		given := map[string]bool{}
		flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
		for name, set := range map[string]func(){
			"runs": func() { o.Runs = 2 }, "seconds": func() { o.Seconds = 1 }, "settle": func() { o.Settle = 1 },
			"scale": func() { o.Scale = 1 }, "copy-size": func() { o.CopySize = 64e6 },
		} {
			if !given[name] {
				set()
			}
		}
	}
	return o, o.check(flags.NArg())
}

func (o options) check(arguments int) error {
	switch {
	case arguments > 0:
		return fmt.Errorf("bench proxy takes flags only")
	case o.Runs < 1 || o.Seconds < 1 || o.Scale < 1 || o.Pool < 1 || o.CopySize < 1:
		return fmt.Errorf("-runs, -seconds, -scale, -pool and -copy-size must be at least 1")
	case o.Backend != "tcp" && o.Backend != "unix":
		return fmt.Errorf("-backend %q is neither tcp nor unix", o.Backend)
	case o.Format != "table" && o.Format != "json":
		return fmt.Errorf("-o %q is neither table nor json", o.Format)
	}
	return nil
}
