package process

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"postern/wake"
	"postern/wake/drivertest"
	"postern/wake/superuser"
)

// Two proxies on one directory: who comes second adopts what the first has started,
// and neither stops what the other works with.
func TestD8TwoProxies(t *testing.T) {
	t.Parallel()
	a := newDriver(t, func(c *Config) { c.Proxy = "a" })
	config := a.config
	config.Proxy = "b"
	b := openDriver(t, config)
	acme := drivertest.Tenant(t, "acme")
	if err := a.Provision(t.Context(), acme); err != nil {
		t.Fatal(err)
	}
	if err := a.Suspend(t.Context(), acme, wake.Suspension{}); err != nil {
		t.Fatal(err)
	}
	endpoints := make([]wake.Endpoint, 2)
	var waking sync.WaitGroup
	for n, d := range []*Driver{a, b} {
		waking.Go(func() {
			var err error
			if endpoints[n], err = d.Wake(t.Context(), acme); err != nil {
				t.Error(err)
			}
		})
	}
	waking.Wait()
	if endpoints[0].Run != endpoints[1].Run {
		t.Fatalf("two runs: %s and %s", endpoints[0].Run, endpoints[1].Run)
	}

	conn, err := superuser.Connect(t.Context(), endpoints[1], "postgres")
	if err != nil {
		t.Fatal(err)
	}
	var busy *wake.BusyError
	if err := a.Suspend(t.Context(), acme, wake.Suspension{}); !errors.As(err, &busy) || !strings.Contains(err.Error(), "postern/b") {
		t.Errorf("error %v, want that the other proxy is at work", err)
	}
	conn.Close()

	// One suspends and the other wakes at once: it runs or it does not, and both agree.
	var both sync.WaitGroup
	both.Go(func() {
		if err := a.Suspend(t.Context(), acme, wake.Suspension{}); err != nil && !errors.As(err, &busy) {
			t.Error(err)
		}
	})
	both.Go(func() {
		if _, err := b.Wake(t.Context(), acme); err != nil {
			t.Error(err)
		}
	})
	both.Wait()
	endpoint, err := a.Wake(t.Context(), acme)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := b.Wake(t.Context(), acme); err != nil || again.Run != endpoint.Run {
		t.Errorf("runs %s and %s: %v", endpoint.Run, again.Run, err)
	}
}
