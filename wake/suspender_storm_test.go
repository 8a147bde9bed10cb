package wake

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/catalog"
)

// errIgnored is what a client hears that wakes nobody.
var errIgnored = errors.New("the tenant is asleep")

// stormsVariable has TestSuspenderStorm take longer.
const stormsVariable = "POSTERN_TEST_STORMS"

// Whatever clients, operators, crashes and faults do while idle tenants are
// suspended: nobody's work is ended by that, only a tenant that has been idle for
// its time is suspended, whoever comes meanwhile is served, no two calls of a driver
// overlap for one tenant, and in the end every tenant sleeps and no goroutine is
// left.
func TestSuspenderStorm(t *testing.T) {
	t.Parallel()
	seed := stormSeed(t)
	storms := 60
	if given := os.Getenv(stormsVariable); given != "" {
		var err error
		if storms, err = strconv.Atoi(given); err != nil {
			t.Fatalf("%s: %v", stormsVariable, err)
		}
	}
	var total tally
	for n := range uint64(storms) {
		synctest.Test(t, func(t *testing.T) {
			s := newIdleStorm(t, rand.New(rand.NewPCG(seed, n)))
			s.rage()
			s.calm()
			total.add(&s.tally)
		})
		if t.Failed() {
			t.Fatalf("in storm %d", n)
		}
	}
	t.Logf("%d storms: %d transactions, %d refused to whom wakes nobody, %d suspends for idleness, %d freezes, %d tries found work, %d found no room",
		storms, total.served, total.refused, total.suspended, total.frozen, total.busy, total.crowded)
	if total.served == 0 || total.refused == 0 || total.suspended == 0 || total.frozen == 0 || total.busy == 0 {
		t.Error("something has never happened")
	}
}

// tally counts what has happened.
type tally struct {
	mu                                       sync.Mutex
	served, refused, suspended, frozen, busy int // under mu
	crowded                                  int // under mu
}

func (t *tally) count(n *int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*n++
}

func (t *tally) add(other *tally) {
	t.served += other.served
	t.refused += other.refused
	t.suspended += other.suspended
	t.frozen += other.frozen
	t.crowded += other.crowded
	t.busy += other.busy
}

// idleStorm is a world with a Suspender in which much goes on.
type idleStorm struct {
	*world
	*rand.Rand
	tally
	clients   *clients
	suspender *Suspender
	tenants   []*catalog.Tenant
	faults    bool // drivers fail, instances crash
	operators bool
	timeout   time.Duration
}

func newIdleStorm(t *testing.T, random *rand.Rand) *idleStorm {
	s := &idleStorm{Rand: random, faults: random.IntN(3) == 0, operators: random.IntN(2) == 0}
	s.timeout = time.Second + time.Duration(random.IntN(2000))*time.Millisecond
	s.world = newWorld(t, func(c *GateConfig) {
		c.MaxConcurrent = 1 + random.IntN(3)
		if random.IntN(2) == 0 {
			c.Admit = func(t *catalog.Tenant) (func(), error) { return s.suspender.Admit(t) }
		}
		c.Release = func(ctx context.Context, id catalog.TenantID, force bool) error {
			return s.clients.release(ctx, id, force)
		}
		c.ReleaseIdle = func(ctx context.Context, t *catalog.Tenant, since time.Time) error {
			return s.clients.releaseIdle(ctx, t, since)
		}
		c.Freeze = func(t *catalog.Tenant, since time.Time) ([]uint32, error) { return s.clients.freeze(t, since) }
		c.Thaw = func(t *catalog.Tenant) { s.clients.thaw(t) }
		c.Moved = func(t *catalog.Tenant, awake bool) {
			s.clients.moved(t, awake)
			s.suspender.Moved(t, awake)
		}
		c.ObserveSuspend = func(_ string, err error) {
			if err == nil {
				s.count(&s.suspended)
			} else {
				s.count(&s.busy)
			}
		}
	})
	s.clients = newClients(s.world)
	s.clients.gate, s.clients.least, s.clients.crashes = s.Gate, s.timeout, s.faults
	s.clients.dial = time.Duration(random.IntN(20)) * time.Millisecond
	s.clients.bye = time.Duration(random.IntN(20)) * time.Millisecond
	s.driver.enclose, s.driver.freezing = s.clients.stopping, func(id catalog.TenantID) {
		s.count(&s.frozen)
		s.clients.freezing(id)
	}
	for call := range s.driver.take {
		s.driver.take[call] = time.Duration(random.IntN(200)) * time.Millisecond
	}
	s.store.take = time.Duration(random.IntN(3)*random.IntN(50)) * time.Millisecond
	config := SuspenderConfig{Gate: s.Gate, Clients: s.clients, Settings: SuspenderSettings{IdleTimeout: s.timeout}, AtOnce: 1 + random.IntN(3), Log: s.config.Log}
	if random.IntN(3) == 0 {
		config.Settings.MaxAwake = 1 + random.IntN(3)
		s.clients.least = minIdle
	}
	if random.IntN(2) == 0 {
		config.Settings.FreezeAfter, s.clients.leastFrozen = time.Second, time.Second
		s.timeout += time.Second // so that there is time for it
		config.Settings.IdleTimeout = s.timeout
		if config.Settings.MaxAwake == 0 {
			s.clients.least = s.timeout
		}
	}
	s.suspender = NewSuspender(config)
	for n := range 3 {
		s.tenants = append(s.tenants, s.tenant(catalog.TenantID(fmt.Sprintf("t%d", n)), catalog.Asleep))
	}
	return s
}

// rage lets several actors do what they like while the Suspender runs.
func (s *idleStorm) rage() {
	ctx, cancel := context.WithCancel(context.Background())
	var running, all sync.WaitGroup
	running.Go(func() { s.suspender.Run(ctx) })
	for range 5 {
		actor := &idleActor{s, rand.New(rand.NewPCG(s.Uint64(), s.Uint64()))}
		all.Go(func() {
			for range 30 {
				actor.act()
				// Often about as long as the timeout: that is where it gets narrow.
				pause := []time.Duration{0, s.timeout - 100*time.Millisecond, s.timeout, 2 * s.timeout}[actor.IntN(4)]
				time.Sleep(pause + time.Duration(actor.IntN(200))*time.Millisecond)
			}
		})
	}
	all.Wait()
	s.driver.mu.Lock()
	s.driver.fail = make(map[string][]error)
	s.driver.mu.Unlock()
	time.Sleep(3 * s.timeout)
	synctest.Wait()
	for _, t := range s.tenants {
		if run := s.driver.run(t.ID); run != "" {
			s.t.Errorf("%s is idle and still awake in run %s", t.ID, run)
		}
	}
	cancel()
	running.Wait()
}

type idleActor struct {
	*idleStorm
	*rand.Rand
}

func (a *idleActor) IntN(n int) int { return a.Rand.IntN(n) }

func (a *idleActor) act() {
	tenant := a.tenants[a.IntN(len(a.tenants))]
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	hangsUp := a.IntN(5) == 0
	if hangsUp {
		time.AfterFunc(time.Duration(a.IntN(300))*time.Millisecond, cancel)
	}
	duration := time.Duration(a.IntN(50)) * time.Millisecond
	if a.IntN(8) == 0 {
		duration = time.Duration(a.IntN(3)) * a.timeout
	}
	switch n := a.IntN(20); {
	case n < 10:
		a.answered(a.clients.transact(ctx, tenant, duration, false), hangsUp)
	case n < 12:
		a.answered(a.clients.stay(ctx, tenant, duration), hangsUp)
	case n < 14:
		if err := a.clients.transact(ctx, tenant, duration, true); err != nil {
			a.count(&a.refused)
		}
	case n < 15:
		a.answered(a.tryAdopt(ctx), hangsUp)
		a.clients.drop(tenant, a.suspender.Used)
	case n < 18 && a.operators:
		a.operate(ctx, tenant)
	case a.faults:
		a.spoil(tenant)
	}
}

func (a *idleActor) tryAdopt(ctx context.Context) error {
	err := a.Adopt(ctx)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// answered checks what a client was told.
func (a *idleActor) answered(err error, hungUp bool) {
	switch {
	case err == nil:
		a.count(&a.served)
	case errors.Is(err, ErrCrowded):
		a.count(&a.crowded)
	case !hungUp && !a.faults:
		a.t.Errorf("a client was told: %v", err)
	}
}

// operate is an operator's doing.
func (a *idleActor) operate(ctx context.Context, tenant *catalog.Tenant) {
	switch a.IntN(4) {
	case 0:
		_ = a.Suspend(ctx, tenant, true)
	case 1:
		ctx, cancel := context.WithTimeout(ctx, time.Duration(a.IntN(1000))*time.Millisecond)
		defer cancel()
		_ = a.Suspend(ctx, tenant, false)
	case 2:
		_ = a.Suspend(ctx, tenant, false)
	case 3:
		if a.faults { // there is nothing to wake for a while
			_ = a.Destroy(ctx, tenant, false)
			_ = a.Restore(context.Background(), tenant)
		}
	}
}

// spoil breaks something.
func (a *idleActor) spoil(tenant *catalog.Tenant) {
	switch a.IntN(3) {
	case 0:
		a.clients.crash(tenant.ID, a.driver.crash)
	case 1:
		call := []string{"wake", "suspend", "freeze", "thaw"}[a.IntN(4)]
		a.driver.failNext(call, []error{errStorm, &BusyError{}, ErrNoRoom}[a.IntN(3)])
	case 2:
		a.driver.employ(tenant.ID, true)
		time.Sleep(time.Duration(a.IntN(2000)) * time.Millisecond)
		a.driver.employ(tenant.ID, false)
	}
}

// calm looks at what the storm has left.
func (s *idleStorm) calm() {
	s.Close()
	if n := len(s.suspender.tenants) + len(s.suspender.byID) + len(s.suspender.looks.heap); n > 0 {
		s.t.Errorf("the suspender remembers %d things about sleeping tenants", n)
	}
	if s.suspender.coming != 0 {
		s.t.Errorf("%d are still coming", s.suspender.coming)
	}
	for id, e := range s.entries {
		if e.failures == 0 {
			s.t.Errorf("the gate remembers %s: %+v", id, e)
		}
	}
}
