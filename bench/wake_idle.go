package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"postern/catalog/api"
)

// idleTenants is what awake tenants cost that nobody uses, each.
type idleTenants struct {
	Tenants   int     `json:"tenants"`
	Processes float64 `json:"processes"`
	MiB       float64 `json:"mib"`               // proportional set size of all its processes
	CPU       float64 `json:"cpu_ms_per_second"` // of all its processes
}

// idlePostern is what Postern itself uses while nobody does anything.
type idlePostern struct {
	Heap float64 `json:"heap_bytes"` // of living objects
	RSS  float64 `json:"rss_bytes"`
	CPU  float64 `json:"cpu_ms_per_second"`
}

func (r *wakeResult) idle() time.Duration { return time.Duration(r.Options.Idle) * time.Second }

// measureIdle looks at awake tenants that were used a moment ago: the pool still
// has a server connection of each.
func (r *wakeResult) measureIdle(ctx context.Context, d *dev, tenants []*api.Tenant) error {
	var postmasters []int
	for _, tenant := range tenants {
		if pid := d.cluster(tenant.ID).PID(); pid != 0 {
			postmasters = append(postmasters, pid)
		}
	}
	if len(postmasters) == 0 {
		return fmt.Errorf("no tenant is awake")
	}
	processes := append(children(postmasters...), postmasters...)
	before := clocks(processes)
	began := time.Now()
	if err := pause(ctx, r.idle()); err != nil {
		return err
	}
	after := clocks(processes)
	seconds := time.Since(began).Seconds()
	var used time.Duration
	for pid, clock := range after {
		used += clock - before[pid]
	}
	var bytes int64
	for _, pid := range processes {
		if own, err := memory(pid); err == nil {
			bytes += own
		}
	}
	count := float64(len(postmasters))
	r.Awake = idleTenants{
		Tenants: len(postmasters), Processes: float64(len(after)) / count,
		MiB: float64(bytes) / (1 << 20) / count, CPU: float64(used.Microseconds()) / 1000 / seconds / count,
	}
	return nil
}

// measureAsleep reads Postern while the crowd sleeps, and again with tenants
// besides that were never used.
func (r *wakeResult) measureAsleep(ctx context.Context, d *dev) (err error) {
	if r.CrowdAsleep, err = d.readPostern(ctx, r.idle()); err != nil {
		return err
	}
	for i := range r.Options.Records {
		_, err := d.client.CreateTenant(ctx, api.CreateTenant{
			ID: fmt.Sprintf("record-%d", i), Driver: "static", NoWait: true,
			Backend: &api.Backend{Host: "127.0.0.1", Port: 1}, // nobody goes there
		})
		if err != nil {
			return err
		}
	}
	r.AllAsleep, err = d.readPostern(ctx, r.idle())
	return err
}

// readPostern reads Postern's CPU over a time, and its memory.
func (d *dev) readPostern(ctx context.Context, length time.Duration) (seen idlePostern, err error) {
	pid := d.command.Process.Pid
	if err := pause(ctx, 2*time.Second); err != nil { // what was begun comes to an end
		return seen, err
	}
	before, err := consumed(pid)
	if err != nil {
		return seen, err
	}
	began := time.Now()
	if err := pause(ctx, length); err != nil {
		return seen, err
	}
	after, err := consumed(pid)
	if err != nil {
		return seen, err
	}
	seen.CPU = float64(after.since(before).total.Microseconds()) / 1000 / time.Since(began).Seconds()
	for range 3 { // what lies in a pool outlives two collections
		if seen.Heap, err = d.heap(ctx); err != nil {
			return seen, err
		}
	}
	resident, err := memory(pid)
	seen.RSS = float64(resident)
	return seen, err
}

var heapAlloc = regexp.MustCompile(`(?m)^# HeapAlloc = (\d+)$`)

// heap lets Postern collect its garbage and returns what is left, in bytes.
func (d *dev) heap(ctx context.Context) (float64, error) {
	text, err := askPostern(ctx, d.dataDir, "/debug/pprof/heap?gc=1&debug=1")
	if err != nil {
		return 0, err
	}
	found := heapAlloc.FindSubmatch(text)
	if found == nil {
		return 0, errors.New("postern's profile does not tell its heap")
	}
	return strconv.ParseFloat(string(found[1]), 64)
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, length time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(length):
		return nil
	}
}
