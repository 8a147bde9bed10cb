package main

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// churn is clients that connect for each transaction, or for less.
type churn struct {
	encrypted bool
	handshake bool // only the TLS handshake, no login
}

// workers is how many connect at once.
const workers = 4

func (w churn) run(ctx context.Context, _ *lab, p *peer, seconds int) (sample, error) {
	meter, err := startMeter(p)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	end := began.Add(time.Duration(seconds) * time.Second)
	took := make([]latencies, workers)
	group, ctx := errgroup.WithContext(ctx)
	for worker := range workers {
		group.Go(func() error {
			for number := worker; time.Now().Before(end); number++ {
				began := time.Now()
				if err := w.once(ctx, p, number); err != nil {
					return err
				}
				took[worker] = append(took[worker], micros(time.Since(began)))
			}
			return nil
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
	s := sample{perSecond: float64(len(all)) / elapsed.Seconds()}
	all.into(s)
	return s, meter.perEach(float64(len(all)), s)
}

// once connects and leaves.
func (w churn) once(ctx context.Context, p *peer, number int) error {
	config := clientConfig{encrypted: w.encrypted, number: number}
	if w.handshake {
		c, err := dial(ctx, p, config)
		if err != nil {
			return err
		}
		c.forget()
		return c.conn.Close()
	}
	c, err := connect(ctx, p, config)
	if err != nil {
		return err
	}
	defer c.close()
	return c.query(selectOne)
}
