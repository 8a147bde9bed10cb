package main

import (
	"context"
	"time"
)

// idle is many clients that have asked once and then do nothing.
type idle struct {
	clients   int
	encrypted bool
}

// run must find a proxy that was just started.
func (w idle) run(ctx context.Context, l *lab, p *peer, _ int) (sample, error) {
	// First as many clients as server connections: those do not count.
	few, err := connectMany(ctx, p, 2*l.options.Pool, 1, w.encrypted)
	closeAll(few)
	if err != nil {
		return nil, err
	}
	before, err := rest(ctx, l, p)
	if err != nil {
		return nil, err
	}
	clients, err := connectMany(ctx, p, w.clients, 1, w.encrypted)
	defer closeAll(clients)
	if err != nil {
		return nil, err
	}
	after, err := rest(ctx, l, p)
	if err != nil {
		return nil, err
	}
	return sample{clientBytes: float64(after-before) / float64(w.clients)}, nil
}

// rest waits until nothing happens any more and then reads the memory.
func rest(ctx context.Context, l *lab, p *peer) (int64, error) {
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(time.Duration(l.options.Settle) * time.Second):
	}
	return memory(p.process.pid())
}
