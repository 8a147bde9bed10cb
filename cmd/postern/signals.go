package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// signaled is the cause of the end of a command that a signal has ended.
type signaled struct{ os.Signal }

func (s signaled) Error() string { return s.String() }

// Is makes it what commands that end with their context expect.
func (s signaled) Is(target error) bool { return target == context.Canceled }

// withSignals returns a context that INT and TERM end, with a signaled as its
// cause. Only the first does. Later ones are for who listens: a daemon that is
// stopping its instances must not be killed halfway by a second one that came with
// the first. The caller calls stop at the end.
func withSignals(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() { // ends with ctx, which stop ends
		select {
		case s := <-signals:
			cancel(signaled{s})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}

// catchHangups takes SIGHUP, which ends a process that does not. The caller gives
// the channel to signal.Stop.
func catchHangups() chan os.Signal {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	return hangups
}
