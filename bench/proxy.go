package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// benchProxy measures relay and pool beside PostgreSQL alone and PgBouncer.
func benchProxy(ctx context.Context, args []string) (err error) {
	o, err := parseOptions(args, os.Stderr)
	if err != nil {
		return err
	}
	if o.Pattern.String() == "list" {
		for _, s := range scenariosFor(o) {
			fmt.Printf("%-24s %s\n", s.name, s.what)
		}
		return nil
	}
	l, err := openLab(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	r := &result{Began: time.Now().UTC().Format(time.RFC3339), Machine: thisMachine(), Options: o, Versions: l.versions()}
	for _, s := range scenariosFor(o) {
		if !o.Pattern.matches(s.name) {
			continue
		}
		found, err := measure(ctx, l, s, os.Stderr)
		if err != nil {
			return err
		}
		r.Scenarios = append(r.Scenarios, found)
		if o.Format == "table" {
			writeOutcome(os.Stdout, &found)
		}
	}
	if len(r.Scenarios) == 0 {
		return errors.New("no scenario matches; -scenario list lists them")
	}
	r.Targets = judge(r)
	if o.SVG != "" {
		if err := writeFile(o.SVG, func(w io.Writer) error { return writePlot(w, r) }); err != nil {
			return err
		}
	}
	if o.Format == "json" {
		return writeJSON(os.Stdout, r)
	}
	writeSummary(os.Stdout, r)
	return nil
}

// versions of all that takes part.
func (l *lab) versions() map[string]string {
	found := map[string]string{"postgresql": l.server.cluster.Version}
	if l.bouncer != nil {
		found[pgbouncer] = l.bouncer.version
	}
	if l.tracer != nil {
		found["tracer"] = l.tracer.name
	}
	return found
}

// writeFile writes a file by a function and leaves no half of one.
func writeFile(name string, write func(io.Writer) error) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := errors.Join(write(file), file.Close()); err != nil {
		os.Remove(name)
		return err
	}
	return nil
}

// showResult prints a result that was kept, or draws its plot. The targets are
// judged anew, by the bars of today.
func showResult(_ context.Context, args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return errors.New("usage: bench show RESULT.json [PLOT.svg]")
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var r result
	if err := json.Unmarshal(text, &r); err != nil {
		return fmt.Errorf("read %s: %w", args[0], err)
	}
	r.Targets = judge(&r)
	if len(args) == 2 {
		return writeFile(args[1], func(w io.Writer) error { return writePlot(w, &r) })
	}
	for i := range r.Scenarios {
		writeOutcome(os.Stdout, &r.Scenarios[i])
	}
	writeSummary(os.Stdout, &r)
	return nil
}
