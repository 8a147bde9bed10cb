package wake

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"postern/catalog"
)

// Clients are those that a proxy has, and the server connections that it has made
// for them; *proxy.Server is one.
type Clients interface {
	// LastUse tells what is being done with t's server connections. It is quick.
	LastUse(t *catalog.Tenant) Use
	// AwakeBecause lists what is being done with them, a phrase each.
	AwakeBecause(id catalog.TenantID) []string
	// Park has the sessions give their server connections back that keep t awake
	// though they have been idle for so long, if nothing else does and they can, and
	// reports whether there are any.
	Park(t *catalog.Tenant, idle time.Duration) bool
	// EndPinned ends the sessions that keep t awake though they are idle, if
	// nothing else does and they have been idle for so long, and reports whether.
	EndPinned(t *catalog.Tenant, idle time.Duration) bool
}

// Use is what is being done with a tenant's server connections.
type Use struct {
	// Working: there is work for the tenant, or there are sessions that keep theirs.
	Working bool
	// Disregarded: somebody uses one who does not count
	// (wake.ignore_application_names).
	Disregarded bool
	// Since is when one was last given back after work; zero if that is not known.
	Since time.Time
}

// SuspenderConfig is what a Suspender needs.
type SuspenderConfig struct {
	// Gate suspends; its Moved must lead to Suspender.Moved. Required.
	Gate *Gate
	// Clients say what the tenants are used for. Required.
	Clients Clients
	// Settings are in effect until Reconfigure brings others.
	Settings SuspenderSettings
	// Short, if set, tells whether the machine is short of memory: then the tenant that
	// has been idle for longest is suspended sooner, and without one no other wakes.
	// It is quick.
	Short func() bool
	// AtOnce is how many are suspended at once; 0 means 4.
	AtOnce int
	// Log defaults to slog.Default.
	Log *slog.Logger
}

// SuspenderSettings are what can change while a Suspender runs.
type SuspenderSettings struct {
	// IdleTimeout is how long a tenant has no work before it is suspended, at least
	// a second; 0 means never (wake.idle_timeout).
	IdleTimeout time.Duration
	// FreezeAfter is how long a tenant has no work before it is frozen, if its driver
	// is a Freezer, at least a second; 0 means never, and so does a time that is not
	// less than the tenant's idle timeout (wake.process.freeze_after). A tenant whose
	// own idle timeout is 0 is not frozen either.
	FreezeAfter time.Duration
	// MaxAwake is how many tenants may be awake before the one that has been idle
	// for longest is suspended sooner and, if there is none, no other wakes; 0 means any
	// number (wake.max_awake).
	MaxAwake int
	// MaxPinIdle is how long a session that is idle may keep its tenant awake by
	// pins before it is ended; 0 means for ever (wake.max_pin_idle).
	MaxPinIdle time.Duration
}

// Suspender suspends tenants that have no work, and may freeze them some time before.
// It ends no session and no statement
// for it: idle clients stay, and their next statement wakes the tenant. Make it with
// NewSuspender, and Run it.
//
// It looks at a tenant when that may have been idle for long enough and not before,
// so the more tenants do the less it has to; one that sleeps it does not know.
type Suspender struct {
	config SuspenderConfig
	// changed holds a token when there may be something to do before the time that
	// Run waits for.
	changed chan struct{}

	mu       sync.Mutex
	settings SuspenderSettings                 // under mu
	tenants  map[string]*awakeTenant           // under mu, by UID, and so is what they hold
	byID     map[catalog.TenantID]*awakeTenant // under mu: the same
	looks    looks                             // under mu: when to look at them
	crowded  time.Time                         // under mu: when to make room, zero if there is enough
	coming   int                               // under mu: how many are being woken by Admit's leave
}

// awakeTenant is what is known of a tenant that is awake. It is under Suspender.mu,
// but for what never changes.
type awakeTenant struct {
	tenant *catalog.Tenant
	// record is the same, or a later version.
	record *catalog.Tenant
	// since is when it woke or, if that is later, when its last server connection
	// was given back before the pools forgot it.
	since time.Time
	look  look
	// freezes: its driver can, frozen: it has been.
	freezes, frozen bool
	// trying: it is being suspended or frozen.
	trying bool
	// because is what was in the way when that was last tried, refusedAt when.
	because   []string
	refusedAt time.Time
	// seen is the since of the work that kept it awake when it was last looked at,
	// told that the log knows of that.
	seen time.Time
	told bool
}

// NewSuspender returns a Suspender that is ready to Run.
func NewSuspender(config SuspenderConfig) *Suspender {
	if config.AtOnce == 0 {
		config.AtOnce = 4
	}
	if config.Log == nil {
		config.Log = slog.Default()
	}
	return &Suspender{
		config:   config,
		settings: config.Settings,
		changed:  make(chan struct{}, 1),
		tenants:  make(map[string]*awakeTenant),
		byID:     make(map[catalog.TenantID]*awakeTenant),
	}
}

// Moved is told that a tenant is awake now, or no longer; it is for
// GateConfig.Moved.
func (s *Suspender) Moved(t *catalog.Tenant, awake bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before := s.byID[t.ID]; before != nil {
		s.forget(before)
	}
	if awake {
		s.watch(t)
	}
}

// watch begins with a tenant. Called under mu.
func (s *Suspender) watch(t *catalog.Tenant) {
	driver, err := s.config.Gate.driver(t)
	if err != nil || !driver.Capabilities().Suspend {
		return
	}
	now := time.Now()
	a := &awakeTenant{tenant: t, record: t, since: now}
	_, a.freezes = driver.(Freezer)
	s.tenants[t.UID], s.byID[t.ID] = a, a
	a.look.of = a
	s.lookIn(a, now, s.patience(a))
	s.lookForRoom(now)
}

// forget ends with one. Called under mu.
func (s *Suspender) forget(a *awakeTenant) {
	delete(s.tenants, a.tenant.UID)
	delete(s.byID, a.tenant.ID)
	s.looks.remove(&a.look)
}

// timeout is how long a tenant may be idle, 0 for ever. Called under mu.
func (s *Suspender) timeout(a *awakeTenant) time.Duration {
	d := a.record.SleepsAfter(s.settings.IdleTimeout)
	if d <= 0 {
		return 0
	}
	return max(d, minIdle)
}

// freezeAfter is how long it may be idle until it is frozen, 0 if that is not to be.
// Called under mu.
func (s *Suspender) freezeAfter(a *awakeTenant) time.Duration {
	d, timeout := max(s.settings.FreezeAfter, minIdle), s.timeout(a)
	switch {
	case s.settings.FreezeAfter <= 0 || !a.freezes || a.frozen:
		return 0
	case timeout == 0 && a.record.IdleTimeout != "", timeout > 0 && d >= timeout:
		return 0
	}
	return d
}

// patience is how long it may be idle until the next thing happens to it, 0 for ever.
// Called under mu.
func (s *Suspender) patience(a *awakeTenant) time.Duration {
	return cmp.Or(s.freezeAfter(a), s.timeout(a))
}

// minIdle is the least time for which a tenant must have been idle.
const minIdle = catalog.MinIdleTimeout

// lookIn has a looked at some time after another; never with 0. Called under mu.
func (s *Suspender) lookIn(a *awakeTenant, from time.Time, d time.Duration) {
	switch {
	case d == 0:
		s.looks.remove(&a.look)
	case s.looks.add(&a.look, from.Add(d)):
		s.wake()
	}
}

// Reconfigure brings other settings into effect.
func (s *Suspender) Reconfigure(settings SuspenderSettings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settings == settings {
		return
	}
	s.settings = settings
	now := time.Now()
	for _, a := range s.tenants {
		if !a.trying {
			s.lookIn(a, a.since, s.patience(a)) // which may be too early: it is seen then
		}
	}
	s.lookForRoom(now)
}

// wake has Run look what there is to do.
func (s *Suspender) wake() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Used is told when one of a tenant's server connections was last given back by
// those who are about to forget it; it is for pool.Config.Dropped. It does not wait.
func (s *Suspender) Used(uid string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.tenants[uid]; a != nil && at.After(a.since) {
		a.since = at
	}
}

// Updated is told of a new version of a tenant's record: its own timeout holds from
// now on. Without being told the Suspender knows it from its next wake.
func (s *Suspender) Updated(t *catalog.Tenant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.tenants[t.UID]
	if a == nil || a.record.IdleTimeout == t.IdleTimeout {
		return
	}
	a.record = t
	if !a.trying {
		s.lookIn(a, a.since, s.patience(a)) // which may be too early: it is seen then
	}
}

// Run suspends until ctx ends, and then waits for what it has begun.
func (s *Suspender) Run(ctx context.Context) error {
	var tries sync.WaitGroup
	defer tries.Wait()
	slots := make(chan struct{}, s.config.AtOnce)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-s.changed:
		case <-ctx.Done():
			return nil
		}
		for _, a := range s.due() {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			tries.Go(func() {
				s.try(ctx, a)
				<-slots
			})
		}
		if next := s.next(); !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
}

// next is when there will be something to do; zero if that is not known.
func (s *Suspender) next() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.crowded
	if first, ok := s.looks.first(); ok && (next.IsZero() || first.Before(next)) {
		next = first
	}
	return next
}

// due are those to be suspended now.
func (s *Suspender) due() []idleTenant {
	now := time.Now()
	var due []idleTenant
	for {
		s.mu.Lock()
		a := s.looks.take(now)
		s.mu.Unlock()
		if a == nil {
			break
		}
		if idle, ok := s.inspect(a, now); ok {
			due = append(due, idle)
		}
	}
	return append(due, s.surplus(now)...)
}
