package wake

import (
	"slices"
	"time"
)

// tooMany is how many more tenants are awake than MaxAwake allows, those left out
// that are being suspended. Called under mu.
func (s *Suspender) tooMany() int {
	if s.settings.MaxAwake == 0 || len(s.tenants) <= s.settings.MaxAwake {
		return 0
	}
	n := len(s.tenants) - s.settings.MaxAwake
	for _, a := range s.tenants {
		if a.trying {
			n--
		}
	}
	return n
}

// lookForRoom has Run make room if there are too many. Called under mu.
func (s *Suspender) lookForRoom(now time.Time) {
	if s.tooMany() > 0 {
		s.crowded = now
		s.wake()
	}
}

// surplus are those that are suspended before their time, since there are too many:
// those that have been idle for longest. Where that does not do, it is asked again
// in a while.
func (s *Suspender) surplus(now time.Time) []idleTenant {
	s.mu.Lock()
	if s.crowded.IsZero() || s.crowded.After(now) {
		s.mu.Unlock()
		return nil
	}
	s.crowded = time.Time{}
	excess := s.tooMany()
	if excess <= 0 {
		s.mu.Unlock()
		return nil
	}
	s.crowded = now.Add(minIdle)
	candidates := make([]*awakeTenant, 0, len(s.tenants))
	for _, a := range s.tenants {
		if !a.trying && (s.timeout(a) > 0 || a.record.IdleTimeout == "") { // not who never sleeps
			candidates = append(candidates, a)
		}
	}
	s.mu.Unlock()

	var idle []idleTenant
	for _, a := range candidates {
		if use, since := s.use(a); !use.Working && !use.Disregarded && now.Sub(since) >= minIdle {
			idle = append(idle, idleTenant{awakeTenant: a, idleSince: since})
		}
	}
	slices.SortFunc(idle, func(a, b idleTenant) int { return a.idleSince.Compare(b.idleSince) })
	idle = idle[:min(excess, len(idle))]
	return slices.DeleteFunc(idle, func(a idleTenant) bool { return !s.begin(a.awakeTenant) })
}
