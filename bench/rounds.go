package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// measure runs a scenario: in each round every peer once, one after the other.
// What fails is noted, and that peer is left out of the rest; an error ends the
// whole run.
func measure(ctx context.Context, l *lab, s scenario, progress io.Writer) (outcome, error) {
	o := outcome{Name: s.name, What: s.what, Plot: s.plot, Load: loadAverage()}
	out := map[string]bool{}
	for round := range l.options.Runs {
		for _, name := range s.peers {
			if out[name] {
				continue
			}
			fmt.Fprintf(progress, "%s: round %d of %d, %s\n", s.name, round+1, l.options.Runs, name)
			if err := l.measureOnce(ctx, s, name, round == 0, &o); err != nil {
				if ctx.Err() != nil {
					return o, ctx.Err()
				}
				if out[name] = true; !errors.Is(err, errAbsent) {
					o.note("%s: %v", name, err)
				}
			}
		}
	}
	o.sumUp()
	return o, nil
}

// errAbsent: there is no such peer here.
var errAbsent = errors.New("absent")

// measureOnce adds a sample of one peer to o.
func (l *lab) measureOnce(ctx context.Context, s scenario, name string, first bool, o *outcome) error {
	p, err := l.peer(ctx, name, s.setup, s.fresh)
	if err != nil {
		return err
	}
	if p == nil {
		return errAbsent
	}
	if p.note != "" {
		o.note("%s", p.note)
	}
	if s.shares && p.mode == "session" {
		return fmt.Errorf("%w: more clients than server connections need transaction pooling", errNotMeasured)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(l.options.Seconds)*time.Second+2*time.Minute)
	defer cancel()
	if first && !s.fresh { // opens the server connections, fills caches
		if bench, ok := s.workload.(pgbench); ok {
			if _, err := bench.run(ctx, l, p, 1); err != nil {
				l.distrust(p)
				return err
			}
		}
	}
	figures, err := l.profiled(ctx, s.name, p, func() (sample, error) { return s.workload.run(ctx, l, p, l.options.Seconds) })
	if err != nil {
		l.distrust(p)
		return err
	}
	if o.reading(name) == nil {
		o.Peers = append(o.Peers, reading{Peer: name, Mode: p.mode})
	}
	r := o.reading(name)
	r.Samples = append(r.Samples, figures)
	if p.process != nil {
		select {
		case <-p.process.exited:
			return fmt.Errorf("%s ended: %s", name, p.process.log())
		default:
		}
	}
	return nil
}

// distrust stops a proxy after a failure, so that the next scenario begins with
// another one.
func (l *lab) distrust(p *peer) {
	if l.running[p.name] == p {
		l.stopPeer(p.name)
	}
}
