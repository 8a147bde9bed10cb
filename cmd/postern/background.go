package main

import (
	"context"
	"sync"
)

// background is work that nobody waits for until Postern ends. Make one with
// newBackground, and close it.
type background struct {
	life    context.Context
	end     context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool // under mu
}

func newBackground() *background {
	b := &background{}
	b.life, b.end = context.WithCancel(context.Background())
	return b
}

// do has work done in a goroutine of its own, under a context that ends with close.
// After close it is done at once, under a context that has ended, to say so.
func (b *background) do(work func(ctx context.Context)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		work(b.life)
		return
	}
	b.running.Go(func() { work(b.life) })
}

// close ends what is under way and waits for it.
func (b *background) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.end()
	b.running.Wait()
}
