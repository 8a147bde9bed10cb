package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"postern/catalog/api"
)

// crowds are the concurrencies of the plot.
var crowds = []int{1, 2, 4, 8, 16, 32}

// crowdWakes is how long clients waited that woke as many tenants at once.
type crowdWakes struct {
	Tenants int    `json:"tenants"`
	Wakes   series `json:"wakes"`
}

// measureCrowd wakes all of the crowd at once, looks at them while they idle, and
// then wakes fewer at once. It leaves them asleep.
func (r *wakeResult) measureCrowd(ctx context.Context, d *dev) error {
	if _, err := d.client.SuspendTenant(ctx, "demo", api.SuspendTenant{}); err != nil {
		return err
	}
	// What Postern keeps for crowds as such is there before it is read.
	tenants, err := d.makeAsleep(ctx, 0, r.half())
	if err != nil {
		return err
	}
	if _, failures := wakeAtOnce(ctx, tenants); len(failures) > 0 {
		return failures[0]
	}
	if err := d.suspendAll(ctx, tenants); err != nil {
		return err
	}
	if r.HalfAsleep, err = d.readPostern(ctx, r.idle()); err != nil {
		return err
	}
	others, err := d.makeAsleep(ctx, r.half(), r.Options.Crowd)
	if err != nil {
		return err
	}
	tenants = append(tenants, others...)
	r.Storm.Name = fmt.Sprintf("%d at once, the last row", len(tenants))
	r.StormClients.Name = fmt.Sprintf("%d at once, each first row", len(tenants))
	for storm := range r.Options.Storms {
		if storm > 0 {
			if err := d.suspendAll(ctx, tenants); err != nil {
				return err
			}
		}
		before, err := consumed(d.command.Process.Pid)
		if err != nil {
			return err
		}
		began := time.Now()
		waits, failures := wakeAtOnce(ctx, tenants)
		r.Storm.add(time.Since(began))
		after, err := consumed(d.command.Process.Pid)
		if err != nil {
			return err
		}
		r.StormPosternCPU.Name = "Postern's CPU, each of them"
		r.StormPosternCPU.add(after.since(before).total / time.Duration(len(tenants)))
		for _, wait := range waits {
			r.StormClients.add(wait)
		}
		r.StormFailed += len(failures)
		for _, failure := range failures[:min(3, len(failures))] {
			r.Failures = append(r.Failures, failure.Error())
		}
	}
	if err := r.measureIdle(ctx, d, tenants); err != nil {
		return err
	}
	if err := d.suspendAll(ctx, tenants); err != nil {
		return err
	}
	for _, size := range crowds {
		if size <= len(tenants) {
			if err := r.measureCrowdOf(ctx, d, size, tenants); err != nil {
				return err
			}
		}
	}
	return nil
}

// measureCrowdOf wakes so many at once, again and again, others each time.
func (r *wakeResult) measureCrowdOf(ctx context.Context, d *dev, size int, tenants []*api.Tenant) error {
	c := crowdWakes{Tenants: size, Wakes: series{Name: fmt.Sprintf("%d at once, first row", size)}}
	for round := 0; len(c.Wakes.Millis) < r.Options.Wakes; round++ {
		var chosen []*api.Tenant
		for i := range size {
			chosen = append(chosen, tenants[(round*size+i)%len(tenants)])
		}
		waits, failures := wakeAtOnce(ctx, chosen)
		if len(failures) > 0 {
			return failures[0]
		}
		for _, wait := range waits {
			c.Wakes.add(wait)
		}
		if err := d.suspendAll(ctx, chosen); err != nil {
			return err
		}
	}
	r.Crowds = append(r.Crowds, c)
	return nil
}

// makeAsleep makes the tenants from one number to below another; they have been
// used and sleep.
func (d *dev) makeAsleep(ctx context.Context, from, to int) ([]*api.Tenant, error) {
	tenants := make([]*api.Tenant, to-from)
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(2)
	for i := range tenants {
		work.Go(func() (err error) {
			id := fmt.Sprintf("crowd-%d", from+i)
			if tenants[i], err = d.client.CreateTenant(ctx, api.CreateTenant{ID: id}); err != nil {
				return err
			}
			if err := firstRow(ctx, tenants[i].URL); err != nil {
				return err
			}
			_, err = d.client.SuspendTenant(ctx, id, api.SuspendTenant{})
			return err
		})
	}
	return tenants, work.Wait()
}

// wakeAtOnce lets a client a tenant ask for a first row, all at the same time.
func wakeAtOnce(ctx context.Context, tenants []*api.Tenant) (waits []time.Duration, failures []error) {
	waited, failed := make([]time.Duration, len(tenants)), make([]error, len(tenants))
	begin := make(chan struct{})
	var clients sync.WaitGroup
	for i, tenant := range tenants {
		clients.Go(func() {
			<-begin
			began := time.Now()
			failed[i] = firstRow(ctx, tenant.URL)
			waited[i] = time.Since(began)
		})
	}
	close(begin)
	clients.Wait()
	return waited, slices.DeleteFunc(failed, func(err error) bool { return err == nil })
}

// suspendAll suspends tenants, a few at a time.
func (d *dev) suspendAll(ctx context.Context, tenants []*api.Tenant) error {
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(4)
	for _, tenant := range tenants {
		work.Go(func() error {
			_, err := d.client.SuspendTenant(ctx, tenant.ID, api.SuspendTenant{})
			return err
		})
	}
	return work.Wait()
}
