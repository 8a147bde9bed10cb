package wake

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/catalog"
)

// What another proxy uses is left alone, and suspended by whoever uses it last.
func TestD8OtherProxyKeepsAwake(t *testing.T) {
	proxies(t, func(t *testing.T, f *fleet, a, b *member) {
		working := a.works(10 * time.Minute)
		<-b.works(time.Second)
		first := f.driver.run("acme")
		time.Sleep(5 * time.Minute)
		f.runs(true)
		if _, awake := b.Awake("acme"); awake || len(b.remembered()) > 0 {
			t.Error("the proxy that does not use it remembers it")
		}
		<-b.works(time.Second) // it is adopted again
		<-working
		if got := f.driver.run("acme"); got != first {
			t.Errorf("it runs as %s, before as %s", got, first)
		}
		time.Sleep(2 * time.Minute)
		f.runs(false)
		f.state("acme", catalog.Asleep)
		if got := f.store.filed("acme"); got != "waking, waking, awake, awake, waking, awake, suspending, asleep" {
			t.Errorf("states: %s", got)
		}
		<-b.works(time.Second)
		f.runs(true)
	})
}

// Who dies lets go of what it held when its lease has ended, and another suspends it.
func TestD8DeadProxyReleases(t *testing.T) {
	proxies(t, func(t *testing.T, f *fleet, a, b *member) {
		<-b.works(time.Second)
		b.kill()
		time.Sleep(lease / 2)
		if _, awake := a.Awake("acme"); awake {
			t.Error("it is adopted before the lease has ended")
		}
		time.Sleep(2*lease + f.timeout)
		f.runs(false)
		f.state("acme", catalog.Asleep)
	})
}

// A suspend whose proxy has died is taken over, whether it came to anything or not.
func TestD8SuspendIsTakenOver(t *testing.T) {
	for name, stopped := range map[string]bool{"in time": false, "after the stop": true} {
		t.Run(name, func(t *testing.T) {
			proxies(t, func(t *testing.T, f *fleet, a, b *member) {
				<-b.works(time.Second)
				before, err := b.Claim(t.Context(), "acme", func(t *catalog.Tenant) error {
					t.State, t.Owner, t.Deadline = catalog.Suspending, b.Boot(), time.Now().Add(time.Hour)
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				b.kill()
				if stopped {
					f.driver.crash("acme")
				}
				time.Sleep(3 * lease)
				want := map[bool]catalog.State{false: catalog.Awake, true: catalog.Asleep}[stopped]
				f.state("acme", want)
				if after := f.record("acme"); after.Generation <= before.Generation {
					t.Errorf("generation %d after %d", after.Generation, before.Generation)
				}
				time.Sleep(2 * f.timeout)
				f.runs(false)
				f.state("acme", catalog.Asleep)
			})
		})
	}
}

// A client whose tenant another proxy is suspending waits, and wakes it; one whose
// suspender has died does so when the lease has ended.
func TestD8WakeMeetsSuspend(t *testing.T) {
	proxies(t, func(t *testing.T, f *fleet, a, b *member) {
		<-b.works(time.Second)
		f.driver.slow("suspend", 2*time.Second)
		time.Sleep(f.timeout) // b has begun to suspend it
		synctest.Wait()
		if got := f.record("acme"); got.State != catalog.Suspending || got.Owner != b.Boot() {
			t.Fatalf("it is %s by %q", got.State, got.Owner)
		}
		<-a.works(time.Second)
		f.runs(true)
		f.state("acme", catalog.Awake)
		if got := f.store.filed("acme"); got != "waking, awake, suspending, asleep, waking, awake" {
			t.Errorf("states: %s", got)
		}

		f.driver.slow("suspend", time.Hour)
		time.Sleep(f.timeout)
		synctest.Wait()
		a.kill()
		f.driver.slow("suspend", 0)
		<-b.works(time.Second)
		f.runs(true)
		f.state("acme", catalog.Awake)
	})
}

// An operator's suspend is refused while another proxy uses the tenant, unless forced.
func TestD8OperatorElsewhere(t *testing.T) {
	proxies(t, func(t *testing.T, f *fleet, a, b *member) {
		<-b.works(time.Second)
		var busy *BusyError
		if err := a.Suspend(t.Context(), f.record("acme"), false); !errors.As(err, &busy) {
			t.Errorf("error %v, want that it is in use", err)
		}
		f.runs(true)
		f.state("acme", catalog.Awake)
		f.driver.enclose = nil // b is not asked
		if err := a.Suspend(t.Context(), f.record("acme"), true); err != nil {
			t.Error(err)
		}
		f.runs(false)
		time.Sleep(time.Second)
		f.state("acme", catalog.Asleep)
		if got := b.remembered(); len(got) > 0 {
			t.Errorf("the other proxy remembers %v", got)
		}
	})
}

// Without the catalog tenants are woken and not suspended, and after its return not
// for one lease.
func TestD8CatalogAway(t *testing.T) {
	proxies(t, func(t *testing.T, f *fleet, a, b *member) {
		f.store.Fail(catalog.ErrUnavailable)
		time.Sleep(lease)
		acme := &catalog.Tenant{ID: "acme", UID: "of acme", Driver: "memory"}
		if _, err := b.Ready(t.Context(), acme); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Minute)
		f.runs(true)
		f.store.Fail(nil)
		time.Sleep(lease - time.Second)
		f.runs(true)
		if tenants, err := f.store.List(t.Context(), catalog.Query{Unheld: true}); err != nil || len(tenants) > 0 {
			t.Errorf("the catalog does not know who uses it: %v", err)
		}
		time.Sleep(2*f.timeout + lease)
		f.runs(false)
	})
}

// A wake that fails holds nothing.
func TestFailedWakeHoldsNothing(t *testing.T) {
	proxies(t, func(t *testing.T, f *fleet, a, b *member) {
		f.driver.failNext("wake", errors.New("broken"))
		if _, err := a.Ready(t.Context(), f.record("acme")); err == nil {
			t.Error("no error")
		}
		synctest.Wait()
		if tenants, err := f.store.List(t.Context(), catalog.Query{Unheld: true}); err != nil || len(tenants) != 1 {
			t.Errorf("it is held: %v", err)
		}
		// One that ends by itself is let go, too, and the record is left to others.
		<-b.works(time.Second)
		<-a.works(time.Second)
		f.driver.crash("acme")
		time.Sleep(time.Second)
		f.state("acme", catalog.Asleep)
		if tenants, err := f.store.List(t.Context(), catalog.Query{Unheld: true}); err != nil || len(tenants) != 1 {
			t.Errorf("it is held: %v", err)
		}
	})
}

// An instance that this proxy has left to others is not watched any longer.
func TestNoWatchIsLeft(t *testing.T) {
	proxies(t, func(t *testing.T, f *fleet, a, b *member) {
		working := a.works(time.Hour)
		for range 5 {
			<-b.works(time.Second)
			time.Sleep(2 * f.timeout)
		}
		closed := make(chan struct{})
		go func() {
			b.running.Wait() // what Close waits for
			close(closed)
		}()
		synctest.Wait()
		if !isClosed(closed) {
			t.Error("something still runs")
		}
		<-working
	})
}

// Whatever clients of several proxies do, and whichever proxy dies: nobody's work is
// ended by a suspend, every client is served, and in the end every tenant sleeps.
func TestFleetStorm(t *testing.T) {
	t.Parallel()
	seed := stormSeed(t)
	var frozen int64
	for n := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, n))
			f := newFleet(t, time.Second+time.Duration(random.IntN(2000))*time.Millisecond)
			defer f.close()
			if random.IntN(2) == 0 {
				f.timeout += time.Second
				f.freezeAfter = time.Second
			}
			f.rage(random)
			frozen += f.frozen.Load()
		})
		if t.Failed() {
			t.Fatalf("in storm %d", n)
		}
	}
	if frozen == 0 {
		t.Error("nothing was ever frozen")
	}
}

func (f *fleet) rage(random *rand.Rand) {
	for call := range f.driver.take {
		f.driver.take[call] = time.Duration(random.IntN(200)) * time.Millisecond
	}
	f.store.take = time.Duration(random.IntN(3)*random.IntN(50)) * time.Millisecond
	ids := []catalog.TenantID{"t0", "t1", "t2"}
	for _, id := range ids {
		f.tenant(id, catalog.Asleep)
	}
	for range 3 {
		f.join()
	}
	var all sync.WaitGroup
	for n, p := range f.proxies {
		for range 3 {
			random := rand.New(rand.NewPCG(random.Uint64(), random.Uint64()))
			all.Go(func() {
				for range 20 {
					id := ids[random.IntN(len(ids))]
					d := time.Duration(random.IntN(50)) * time.Millisecond
					if random.IntN(8) == 0 {
						d = time.Duration(random.IntN(3)) * f.timeout
					}
					act := p.clients.transact
					if random.IntN(4) == 0 {
						act = func(ctx context.Context, t *catalog.Tenant, d time.Duration, _ bool) error {
							return p.clients.stay(ctx, t, d)
						}
					}
					if err := act(context.Background(), f.record(id), d, false); err != nil && !p.isDead() {
						f.t.Errorf("a client was told: %v", err)
					}
					pause := []time.Duration{0, f.timeout - 100*time.Millisecond, f.timeout, 2 * f.timeout}[random.IntN(4)]
					time.Sleep(pause + time.Duration(random.IntN(200))*time.Millisecond)
					if p.isDead() {
						return
					}
				}
			})
		}
		if n == 0 && random.IntN(2) == 0 {
			at := time.Duration(random.IntN(30)) * time.Second
			all.Go(func() {
				time.Sleep(at)
				p.kill()
			})
		}
	}
	all.Wait()
	time.Sleep(4*lease + 2*f.timeout)
	synctest.Wait()
	for _, id := range ids {
		f.state(id, catalog.Asleep)
		if run := f.driver.run(id); run != "" {
			f.t.Errorf("%s is idle and still awake in run %s", id, run)
		}
	}
	for _, p := range f.proxies {
		if got := p.remembered(); len(got) > 0 && !p.isDead() {
			f.t.Errorf("a gate remembers %v", got)
		}
	}
}

func (p *member) isDead() bool {
	p.clients.mu.Lock()
	defer p.clients.mu.Unlock()
	return p.dead
}

// What another proxy uses is not frozen, even if that comes when the freeze has begun;
// what is frozen another proxy thaws.
func TestD8FrozenIsThawedElsewhere(t *testing.T) {
	proxies(t, func(t *testing.T, f *fleet, a, b *member) {
		<-a.works(time.Second)
		freeze := func() error { return a.FreezeIdle(t.Context(), a.record("acme"), time.Now()) }
		working := b.works(10 * time.Second)
		if err := freeze(); len(obstacles(err)) != 1 || f.driver.frozen("acme") {
			t.Errorf("frozen under another proxy: %v", err)
		}
		<-working
		time.Sleep(2 * f.timeout) // all let go of it
		f.runs(false)

		<-a.works(time.Second)
		f.driver.slow("freeze", time.Second)
		done := make(chan error, 1)
		go func() { done <- freeze() }()
		time.Sleep(500 * time.Millisecond) // the freeze is filed, and not done
		f.state("acme", catalog.Frozen)
		<-b.works(time.Second)
		if err := <-done; len(obstacles(err)) != 1 || f.driver.frozen("acme") {
			t.Errorf("frozen under another proxy: %v", err)
		}
		f.state("acme", catalog.Awake)
		time.Sleep(2 * f.timeout)
		f.runs(false)

		<-a.works(time.Second)
		first := f.driver.run("acme")
		if err := freeze(); err != nil || !f.driver.frozen("acme") {
			t.Fatalf("not frozen: %v", err)
		}
		<-b.works(time.Second)
		<-a.works(time.Second)
		if got := f.driver.run("acme"); got != first || f.driver.frozen("acme") {
			t.Errorf("it runs as %s, before as %s", got, first)
		}
		f.state("acme", catalog.Awake)
	})
}
