package wake

import (
	"slices"
	"time"

	"postern/catalog"
)

// Admit is asked whether one more tenant may wake; it fits GateConfig.Admit. It may
// if there is room, or if others can be put to sleep for it, which are then; else the
// error's cause is ErrCrowded.
func (s *Suspender) Admit(t *catalog.Tenant) (done func(), err error) {
	driver, err := s.config.Gate.driver(t)
	if err != nil || !driver.Capabilities().Suspend {
		return func() {}, nil // it fails by itself, or takes nothing of this machine
	}
	s.mu.Lock()
	s.coming++
	excess := s.tooMany(s.coming)
	s.mu.Unlock()
	if excess > 0 && s.idlers() < excess {
		s.came()
		return nil, &UnreadyError{Phase: "making room", RetryAfter: crowdedRetry, Err: ErrCrowded}
	}
	return s.came, nil
}

// crowdedRetry is when another try may help whom Admit has refused.
const crowdedRetry = 2 * time.Second

func (s *Suspender) came() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.coming--
}

// idlers is how many tenants could be put to sleep before their time, as far as can be
// seen: those that nobody uses, and where nothing was in the way when that was last tried.
func (s *Suspender) idlers() (n int) {
	for _, a := range s.candidates() {
		if use, _ := s.use(a); !use.Working && !use.Disregarded && !s.obstinate(a) {
			n++
		}
	}
	return n
}

// obstinate reports whether something was in the way when a was last to be suspended.
func (s *Suspender) obstinate(a *awakeTenant) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(a.because) > 0
}

// candidates are the tenants that may be put to sleep before their time if they are
// idle.
func (s *Suspender) candidates() []*awakeTenant {
	s.mu.Lock()
	defer s.mu.Unlock()
	candidates := make([]*awakeTenant, 0, len(s.tenants))
	for _, a := range s.tenants {
		if !a.trying && (s.timeout(a) > 0 || a.record.IdleTimeout == "") { // not who never sleeps
			candidates = append(candidates, a)
		}
	}
	return candidates
}

// tooMany is how many tenants too many are awake when so many have come, those left out
// that are being suspended: more than MaxAwake allows, or one if memory is short.
// Called under mu.
func (s *Suspender) tooMany(coming int) int {
	n := 0
	if s.settings.MaxAwake > 0 {
		n = len(s.tenants) + coming - s.settings.MaxAwake
	}
	if n <= 0 && s.config.Short != nil && s.config.Short() {
		n = 1
	}
	if n <= 0 {
		return 0
	}
	for _, a := range s.tenants {
		if a.trying {
			n--
		}
	}
	return n
}

// lookForRoom has Run make room if there are too many. Called under mu.
func (s *Suspender) lookForRoom(now time.Time) {
	if s.tooMany(0) > 0 {
		s.crowded = now
		s.wake()
	}
}

// surplus are those that are suspended before their time, since there are too many:
// those that have been idle for longest, and last those where that has failed. Where
// that does not do, it is asked again in a while.
func (s *Suspender) surplus(now time.Time) []idleTenant {
	s.mu.Lock()
	if s.crowded.IsZero() || s.crowded.After(now) {
		s.mu.Unlock()
		return nil
	}
	s.crowded = time.Time{}
	excess := s.tooMany(0)
	if excess <= 0 {
		s.mu.Unlock()
		return nil
	}
	s.crowded = now.Add(minIdle)
	s.mu.Unlock()

	var idle, obstinate []idleTenant
	for _, a := range s.candidates() {
		use, since := s.use(a)
		switch {
		case use.Working || use.Disregarded || now.Sub(since) < minIdle:
		case s.obstinate(a):
			obstinate = append(obstinate, idleTenant{awakeTenant: a, idleSince: since})
		default:
			idle = append(idle, idleTenant{awakeTenant: a, idleSince: since})
		}
	}
	slices.SortFunc(idle, func(a, b idleTenant) int { return a.idleSince.Compare(b.idleSince) })
	idle = append(idle, obstinate...)
	idle = idle[:min(excess, len(idle))]
	return slices.DeleteFunc(idle, func(a idleTenant) bool { return !s.begin(a.awakeTenant) })
}
