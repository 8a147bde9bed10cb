package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// ending is how a daemon comes to its end.
type ending int

// The endings.
const (
	draining     ending = iota // after drain.grace, clients have drain.timeout to finish
	afterServers               // when each client is between transactions
	afterClients               // when the last client has left by itself
	now
)

func (e ending) String() string {
	return [...]string{"drain", "wait for servers", "wait for clients", "now"}[e]
}

// ask asks for an ending, and does not wait for it.
func (d *daemon) ask(e ending) {
	select {
	case d.endings <- e:
	default: // it is asked for often enough
	}
}

// end waits until ctx is over or the console asks for an ending, and then ends all
// clients. A signal that comes meanwhile makes it short, and so can the console.
func (d *daemon) end(ctx context.Context) {
	var how ending
	select {
	case how = <-d.endings:
	case <-ctx.Done():
		var got signaled
		if errors.As(context.Cause(ctx), &got) && got.Signal == os.Interrupt {
			how = d.interrupted
		}
	}
	d.draining.Store(true)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	for again := true; again; {
		how, again = d.carryOut(how, signals)
	}
}

// carryOut carries out an ending, or returns another that was asked for before it
// was done.
func (d *daemon) carryOut(how ending, signals <-chan os.Signal) (next ending, again bool) {
	drain := d.config().Drain
	d.log.Info("ending", "how", how.String(), "grace", drain.Grace.String(), "timeout", drain.Timeout.String())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { // ends soon after ctx
		defer close(done)
		d.endClients(ctx, how)
	}()
	defer func() {
		cancel()
		<-done
	}()
	for {
		select {
		case <-done:
			return how, false
		case <-signals:
			return now, how != now
		case asked := <-d.endings:
			if asked == now || how == afterClients && asked != how {
				return asked, how != now
			}
		}
	}
}

// endClients returns when there are no clients. When ctx ends, it cuts them off,
// unless it waits for them to leave: then it leaves them alone.
func (d *daemon) endClients(ctx context.Context, how ending) {
	switch how {
	case now:
		d.endSessions()
	case afterClients:
		if d.proxy.WaitForClients(ctx); ctx.Err() == nil {
			d.endSessions()
		}
	case afterServers:
		d.proxy.Drain(ctx)
	case draining:
		config := d.config().Drain
		select {
		case <-time.After(time.Duration(config.Grace)):
		case <-ctx.Done():
		}
		ctx, cancel := context.WithTimeout(ctx, time.Duration(config.Timeout))
		defer cancel()
		d.proxy.Drain(ctx)
	}
}
