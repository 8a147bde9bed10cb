package wake

import (
	"errors"
	"slices"
	"time"

	"postern/catalog"
)

// AwakeBecause lists why a tenant is awake, a phrase each: what is being done with
// it, or else what was in the way when it was last to be suspended.
func (s *Suspender) AwakeBecause(id catalog.TenantID) []string {
	because := slices.Clone(s.config.Clients.AwakeBecause(id))
	if holds, _ := s.config.Gate.held(id); len(because) == 0 && holds > 0 {
		because = []string{heldBecause}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.byID[id]; a != nil && len(because) == 0 {
		for _, phrase := range a.because {
			because = append(because, phrase+", seen at "+a.refusedAt.UTC().Format(time.RFC3339))
		}
	}
	return because
}

// tell has the log say, once, who keeps a tenant awake: at the second look that
// finds it in use with nothing given back in between.
func (s *Suspender) tell(a *awakeTenant, since time.Time) {
	s.mu.Lock()
	again := a.seen.Equal(since)
	tell := again && !a.told
	a.seen, a.told = since, again
	s.mu.Unlock()
	if tell {
		s.config.Log.Info("the tenant stays awake", "tenant", a.tenant.ID, "because", s.AwakeBecause(a.tenant.ID))
	}
}

// obstacles are why a tenant could not be suspended, a phrase each.
func obstacles(err error) []string {
	var busy *BusyError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &busy):
		return busy.Because
	}
	return []string{"it cannot be suspended: " + err.Error()}
}
