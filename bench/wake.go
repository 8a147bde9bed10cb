package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"postern/wake/postgres"
)

// benchWake times what a user waits for when a tenant is made, woken and
// suspended, alone and among many, and reads what tenants cost while they idle
// and while they sleep. Its base is the same postgres on the same data
// directory, started by hand until SELECT 1 has answered on its Unix socket.
func benchWake(ctx context.Context, args []string) error {
	o, err := parseWakeOptions(args, os.Stderr)
	if err != nil {
		return err
	}
	installations, err := postgres.Find(ctx, postgres.Search{BinDir: o.PGBin})
	if err != nil {
		return err
	}
	r := &wakeResult{
		Began: time.Now().UTC().Format(time.RFC3339), Machine: thisMachine(), Options: o,
		PostgreSQL: installations[0].Version,
	}
	if err := r.measure(ctx, installations[0]); err != nil {
		return err
	}
	r.Machine.LoadAfter = loadAverage()
	r.Targets = judgeWake(r)
	if o.SVG != "" {
		if err := writeFile(o.SVG, func(w io.Writer) error { return writeWakePlot(w, r) }); err != nil {
			return err
		}
	}
	if o.Format == "json" {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", " ")
		return encoder.Encode(r)
	}
	writeWakeResult(os.Stdout, r)
	return nil
}

// measure fills the result, one thing after the other: nothing else of the
// benchmark runs meanwhile.
func (r *wakeResult) measure(ctx context.Context, installation postgres.Installation) error {
	d, err := startDev(ctx, installation, "POSTERN_WAKE_PROCESS_PREPARED=0", "POSTERN_WAKE_PROCESS_SPARES=0")
	if err != nil {
		return err
	}
	defer d.stop()
	for _, step := range []struct {
		what    string
		measure func(context.Context, *dev) error
	}{
		{"create, wake and suspend", r.measureSingle},
		{"kill -9", r.measureCrashes},
		{"many at once", r.measureCrowd}, // leaves its tenants asleep
		{"asleep", r.measureAsleep},
	} {
		fmt.Fprintln(os.Stderr, "bench:", step.what)
		if err := step.measure(ctx, d); err != nil {
			return fmt.Errorf("measure %s: %w", step.what, err)
		}
	}
	d.stop()
	fmt.Fprintln(os.Stderr, "bench: frozen")
	if err := r.measureFrozen(ctx, installation); err != nil {
		return fmt.Errorf("measure frozen: %w", err)
	}
	return r.measurePrepared(ctx, installation)
}
