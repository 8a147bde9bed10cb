package wake

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postern/catalog"
)

// seedVariable repeats TestStorm with the seed that a failure has shown.
const seedVariable = "POSTERN_TEST_SEED"

// Whatever many clients, operators, crashes and faults do at once to few tenants:
// no two calls of a driver overlap for one tenant, a tenant is said to be awake
// only while its instance runs, everybody is answered, in the end the catalog
// says what is, every tenant can be woken and stopped, and no goroutine is left.
func TestStorm(t *testing.T) {
	t.Parallel()
	seed := stormSeed(t)
	for n := range uint64(150) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorm(t, rand.New(rand.NewPCG(seed, n)))
			s.rage()
			s.calm()
			s.Close()
		})
		if t.Failed() {
			t.Fatalf("in storm %d", n)
		}
	}
}

// stormSeed is a new seed, or the given one.
func stormSeed(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if given := os.Getenv(seedVariable); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
	}
	t.Logf("repeat this with %s=%d (interleavings may differ)", seedVariable, seed)
	return seed
}

// storm is a world in which much goes on.
type storm struct {
	*world
	*rand.Rand
	tenants   []*catalog.Tenant
	unfiled   bool // the catalog may have been away
	destroyed [3]atomic.Bool
}

var errStorm = errors.New("broken by the storm")

func newStorm(t *testing.T, random *rand.Rand) *storm {
	s := &storm{Rand: random}
	s.world = newWorld(t, func(c *GateConfig) {
		c.MaxConcurrent, c.Timeout = 1+random.IntN(3), 5*time.Second
		c.Release = func(ctx context.Context, id catalog.TenantID, force bool) error {
			if _, awake := s.Awake(id); awake {
				t.Errorf("%s is awake to others while it is released", id)
			}
			if len(id)%2 == 0 && !force {
				time.Sleep(5 * time.Millisecond)
			}
			return nil
		}
	})
	s.driver.stopping = func(id catalog.TenantID) {
		if _, awake := s.Awake(id); awake {
			t.Errorf("%s is awake to others while it is stopped", id)
		}
	}
	for call := range s.driver.take {
		s.driver.take[call] = time.Duration(random.IntN(200)) * time.Millisecond
	}
	s.store.take = time.Duration(random.IntN(3)*random.IntN(50)) * time.Millisecond
	s.unfiled = random.IntN(3) == 0
	for n := range s.destroyed {
		state := catalog.Asleep
		if random.IntN(2) == 0 {
			state = catalog.Provisioning
		}
		s.tenants = append(s.tenants, s.tenant(catalog.TenantID(fmt.Sprintf("t%d", n)), state))
	}
	return s
}

// rage lets several actors do what they like.
func (s *storm) rage() {
	var all sync.WaitGroup
	for range 6 {
		actor := &actor{s, rand.New(rand.NewPCG(s.Uint64(), s.Uint64()))}
		all.Go(func() {
			for range 40 {
				actor.act()
				time.Sleep(time.Duration(actor.IntN(100)) * time.Millisecond)
			}
		})
	}
	all.Wait()
}

type actor struct {
	*storm
	*rand.Rand
}

func (a *actor) IntN(n int) int { return a.Rand.IntN(n) }

func (a *actor) act() {
	n := a.IntN(len(a.tenants))
	tenant := a.tenants[n]
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	switch a.IntN(3) {
	case 0:
		ctx, cancel = context.WithTimeout(ctx, time.Duration(a.IntN(300))*time.Millisecond)
		defer cancel()
	case 1:
		time.AfterFunc(time.Duration(a.IntN(300))*time.Millisecond, cancel)
	}
	switch a.IntN(20) {
	case 0, 1, 2, 3, 4, 5, 6:
		e, err := a.Ready(ctx, tenant)
		var unready *UnreadyError
		if err == nil && e.Run == "" || err != nil && !errors.As(err, &unready) {
			a.t.Errorf("Ready: %+v, %v", e, err)
		}
	case 7, 8, 9:
		a.look(tenant.ID)
	case 10, 11:
		_ = a.Suspend(ctx, tenant, a.IntN(2) == 0) // may fail in any way
	case 12:
		a.destroyed[n].Store(true)
		if err := a.Destroy(ctx, tenant, false); err == nil {
			time.Sleep(time.Duration(a.IntN(100)) * time.Millisecond)
		}
		_ = a.Restore(context.Background(), tenant)
	case 13, 14:
		a.driver.crash(tenant.ID)
	case 15:
		a.driver.employ(tenant.ID, a.IntN(2) == 0)
	case 16:
		if err := a.Adopt(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, catalog.ErrUnavailable) {
			a.t.Errorf("Adopt: %v", err)
		}
	case 17, 18:
		call := []string{"wake", "suspend", "provision", "destroy", "status"}[a.IntN(5)]
		a.driver.failNext(call, []error{errStorm, &FailedError{Reason: "storm"}, &BusyError{}, ErrNoRoom}[a.IntN(4)])
	case 19:
		if a.unfiled {
			a.store.Fail(catalog.ErrUnavailable)
			time.Sleep(time.Duration(a.IntN(200)) * time.Millisecond)
			a.store.Fail(nil)
		}
	}
}

// look checks that a tenant which is said to be awake runs, or has just ended.
func (a *actor) look(id catalog.TenantID) {
	e, awake := a.Awake(id)
	if awake && a.driver.run(id) != e.Run {
		select {
		case <-e.Gone:
		default:
			a.t.Errorf("%s is said to be awake in run %s", id, e.Run)
		}
	}
}

// calm looks at what the storm has left.
func (s *storm) calm() {
	s.store.Fail(nil)
	s.driver.mu.Lock()
	s.driver.fail = make(map[string][]error)
	s.driver.mu.Unlock()
	time.Sleep(2 * time.Minute) // until nobody backs off any more
	synctest.Wait()
	for n, tenant := range s.tenants {
		id, destroyed := tenant.ID, s.destroyed[n].Load()
		run, state := s.driver.run(id), s.record(id).State
		if running := run != ""; !s.unfiled && !destroyed && running != (state == catalog.Awake) {
			s.t.Errorf("%s runs: %v; filed as %s: %s", id, running, state, s.store.filed(id))
		}
		if destroyed { // there may be nothing to wake
			_ = s.Suspend(context.Background(), tenant, true)
			continue
		}
		s.driver.employ(id, false)
		e, err := s.Ready(context.Background(), tenant)
		var failed *FailedError
		if errors.As(err, &failed) {
			continue // it was never made, and is no longer being made
		}
		if err != nil || e.Run != s.driver.run(id) {
			s.t.Errorf("%s: awake in run %s, %v", id, e.Run, err)
		}
		time.Sleep(time.Second)
		s.isFiled(id, catalog.Awake)
		if err := s.Suspend(context.Background(), tenant, false); err != nil || s.driver.run(id) != "" {
			s.t.Errorf("%s: suspended: %v", id, err)
		}
		s.isFiled(id, catalog.Asleep)
	}
	synctest.Wait()
	for _, id := range s.remembered() {
		if e := s.entries[id]; e.failures == 0 {
			s.t.Errorf("the gate remembers %s", id)
		}
	}
}

// isFiled checks the state that is filed, unless the catalog was away when it was
// to be.
func (s *storm) isFiled(id catalog.TenantID, want catalog.State) {
	s.t.Helper()
	if !s.unfiled {
		s.state(id, want)
	}
}
