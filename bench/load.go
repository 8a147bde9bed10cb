package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"
)

// connecting bounds how many clients log in at once.
const connecting = 32

// connectMany connects n clients, each of which asks for a row. Close all that
// are returned, also beside an error.
func connectMany(ctx context.Context, p *peer, n, tenants int, encrypted bool) ([]*client, error) {
	clients := make([]*client, n)
	group, ctx2 := errgroup.WithContext(ctx)
	group.SetLimit(connecting)
	for i := range n {
		group.Go(func() error {
			if ctx2.Err() != nil {
				return ctx2.Err()
			}
			// Not the group's context, whose end would close the connection.
			c, err := connect(ctx, p, clientConfig{encrypted: encrypted, tenant: i % max(tenants, 1), number: i})
			if err != nil {
				return fmt.Errorf("connect client %d: %w", i, err)
			}
			clients[i] = c
			return c.query(selectOne)
		})
	}
	return clients, group.Wait()
}

// closeAll closes those clients that are there.
func closeAll(clients []*client) {
	for _, c := range clients {
		if c != nil {
			c.close()
		}
	}
}

// crowd is many clients that all select at once, more than pgbench has file
// descriptors for, and on many tenants.
type crowd struct{ clients, tenants int }

func (w crowd) run(ctx context.Context, l *lab, p *peer, seconds int) (sample, error) {
	clients, err := connectMany(ctx, p, w.clients, w.tenants, false)
	defer closeAll(clients)
	if err != nil {
		return nil, err
	}
	rows := 100_000 * l.options.Scale
	took := make([]latencies, len(clients))
	meter, err := startMeter(p)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	end := began.Add(time.Duration(seconds) * time.Second)
	var group errgroup.Group
	for i, c := range clients {
		group.Go(func() (err error) {
			took[i], err = c.selectUntil(end, rows)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	elapsed := time.Since(began)
	var all latencies
	for _, some := range took {
		all = append(all, some...)
	}
	if len(all) == 0 {
		return nil, errors.New("no transaction ended in time")
	}
	s := sample{perSecond: float64(len(all)) / elapsed.Seconds()}
	all.into(s)
	s[tail] = s[p99] / s[median]
	return s, meter.perEach(float64(len(all)), s)
}

// selectUntil reads random rows of pgbench's until a time.
func (c *client) selectUntil(end time.Time, rows int) (took latencies, err error) {
	began := time.Now()
	for began.Before(end) {
		row := 1 + rand.IntN(rows)
		if err := c.query(simpleQuery(fmt.Sprintf("SELECT abalance FROM pgbench_accounts WHERE aid = %d;", row))); err != nil {
			return nil, err
		}
		now := time.Now()
		took = append(took, micros(now.Sub(began)))
		began = now
	}
	return took, nil
}
