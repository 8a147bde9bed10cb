package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// profiled runs work while Postern's CPU is profiled for as long as a measurement
// lasts, into a file of its own. Other peers are not profiled, nor is anything
// without -profile.
func (l *lab) profiled(ctx context.Context, scenario string, p *peer, work func() (sample, error)) (sample, error) {
	if l.options.Profile == "" || p.dataDir == "" {
		return work()
	}
	var profile []byte
	var failed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		profile, failed = askPostern(ctx, p.dataDir, fmt.Sprintf("/debug/pprof/profile?seconds=%d", l.options.Seconds))
	}()
	found, err := work()
	<-done
	if err != nil {
		return found, err
	}
	if failed != nil {
		return found, fmt.Errorf("profile postern: %w", failed)
	}
	return found, os.WriteFile(filepath.Join(l.options.Profile, scenario+".pprof"), profile, 0o644)
}
