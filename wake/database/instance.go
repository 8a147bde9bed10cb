package database

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"postern/wake"
	"postern/wake/superuser"
)

// run is one run of the shared instance.
type run struct {
	endpoint wake.Endpoint

	mu       sync.Mutex
	prepared bool // under mu, which is held while that is done
}

func (r *run) over() bool {
	select {
	case <-r.endpoint.Gone:
		return true
	default:
		return false
	}
}

// stop is a stop of the instance that is under way.
type stop struct {
	wanted chan struct{} // closed when somebody needs the instance
	want   func()        // closes it
	done   chan struct{} // closed when the stop has succeeded or was given up
}

// enter keeps the instance from being stopped until leave is called. A stop that
// has not begun yet is given up, one that has is waited for.
func (d *Driver) enter(ctx context.Context) (leave func(), err error) {
	for {
		d.mu.Lock()
		s := d.stop
		if s == nil {
			d.users++
			d.mu.Unlock()
			return func() {
				d.mu.Lock()
				defer d.mu.Unlock()
				d.users--
			}, nil
		}
		d.mu.Unlock()
		s.want()
		select {
		case <-s.done:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the shared instance to stop: %w", ctx.Err())
		}
	}
}

// start returns the running instance, starting it if need be; ErrNotProvisioned if
// there is none. Called between enter and leave.
func (d *Driver) start(ctx context.Context) (*run, error) {
	select {
	case d.starting <- struct{}{}:
		defer func() { <-d.starting }()
	case <-ctx.Done():
		return nil, fmt.Errorf("start the shared instance: %w", ctx.Err())
	}
	d.mu.Lock()
	r := d.run
	d.mu.Unlock()
	if r != nil && !r.over() {
		return r, nil
	}
	endpoint, err := d.config.Instances.Wake(ctx, d.instance)
	if err != nil {
		return nil, fmt.Errorf("start the shared instance: %w", err)
	}
	if err := d.marks.forgetOtherRuns(endpoint.Run); err != nil {
		return nil, err
	}
	r = &run{endpoint: endpoint}
	d.mu.Lock()
	d.run = r
	d.mu.Unlock()
	d.watching.Go(func() { d.watch(r) })
	return r, nil
}

// watch has the tenants know when a run ends.
func (d *Driver) watch(r *run) {
	select {
	case <-r.endpoint.Gone:
	case <-d.closed:
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.run != r {
		return
	}
	d.run = nil
	for uid, a := range d.awake {
		close(a.gone)
		delete(d.awake, uid)
	}
}

// connect logs in as superuser in the tenant's part of the instance.
func (d *Driver) connect(ctx context.Context, e wake.Endpoint) (*superuser.Conn, error) {
	return superuser.Connect(ctx, e, "postgres")
}

// stopIfIdle stops the instance if no tenant is awake and no call needs it. The
// tenants sleep in any case, so that it fails is only told to the log; Run tries
// again.
func (d *Driver) stopIfIdle(ctx context.Context, s wake.Suspension) {
	if err := d.tryStop(ctx, s); err != nil {
		d.config.Log.Info("the shared instance stays awake though no tenant is", "because", err)
	}
}

func (d *Driver) tryStop(ctx context.Context, s wake.Suspension) error {
	ours := d.beginStop(ctx)
	if ours == nil {
		return nil
	}
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-s.Wanted:
			ours.want()
		case <-ours.done:
		}
	})
	err := d.config.Instances.Suspend(ctx, d.instance, wake.Suspension{Force: s.Force, Wanted: ours.wanted})
	d.mu.Lock()
	d.stop = nil
	d.mu.Unlock()
	close(ours.done)
	watch.Wait()
	if errors.Is(err, wake.ErrNotProvisioned) {
		return nil
	}
	return err
}

// beginStop returns nil if the instance is needed, also by tenants that are awake for
// other proxies. Whoever comes to one of those now finds the instance stopping, and
// has it started again.
func (d *Driver) beginStop(ctx context.Context) *stop {
	for {
		d.mu.Lock()
		if other := d.stop; other != nil {
			d.mu.Unlock()
			select {
			case <-other.done:
				continue
			case <-ctx.Done():
				return nil
			}
		}
		defer d.mu.Unlock()
		awake, err := d.marks.anyAwake()
		if d.users > 0 || awake || err != nil {
			return nil
		}
		s := &stop{wanted: make(chan struct{}), done: make(chan struct{})}
		s.want = sync.OnceFunc(func() { close(s.wanted) })
		d.stop = s
		return s
	}
}

// look is how often Run looks whether the instance is needed.
const look = time.Minute

// Run stops the instance where that could not be done when its last tenant went to
// sleep, until ctx ends.
func (d *Driver) Run(ctx context.Context) error {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			d.Rest(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// Rest stops the instance if it runs though no tenant is awake.
func (d *Driver) Rest(ctx context.Context) {
	status, err := d.config.Instances.Status(ctx, d.instance)
	if err == nil && status.Running {
		err = d.tryStop(ctx, wake.Suspension{})
	}
	if err != nil {
		d.config.Log.Debug("the shared instance is not stopped", "because", err)
	}
}
