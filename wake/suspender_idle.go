package wake

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// idleTenant is a tenant that can be suspended, or only be frozen, and since when it
// has been idle.
type idleTenant struct {
	*awakeTenant
	idleSince time.Time
	freeze    bool
}

// inspect looks whether a tenant has been idle for long enough; if not, it will be
// looked at again.
func (s *Suspender) inspect(a *awakeTenant, now time.Time) (idleTenant, bool) {
	s.mu.Lock()
	timeout, freeze, pins := s.timeout(a), s.freezeAfter(a), s.settings.MaxPinIdle
	s.mu.Unlock()
	use, since := s.use(a)
	idle, used := now.Sub(since), use.Working || use.Disregarded
	expired := timeout > 0 && idle >= timeout
	again := cmp.Or(freeze, timeout)
	switch {
	case again == 0:
	case idle < again:
		again -= idle
	case !used:
		return idleTenant{a, since, !expired}, s.begin(a)
	case expired:
		again = s.obstructed(a, use, since, timeout, pins)
		if freeze > 0 {
			again = min(again, freeze)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tenants[a.tenant.UID] == a && !a.trying {
		s.lookIn(a, now, again)
	}
	return idleTenant{}, false
}

// obstructed is for a tenant that somebody has kept awake for longer than its
// timeout: whoever can be is parked, and who does so by pins alone is ended in time.
// It returns when to look again.
func (s *Suspender) obstructed(a *awakeTenant, use Use, since time.Time, timeout, pins time.Duration) time.Duration {
	if s.config.Clients.Park(a.tenant, timeout) {
		return minIdle // they are gone by then, or pinned
	}
	if use.Working {
		s.tell(a, since)
	}
	switch {
	case pins > 0 && s.config.Clients.EndPinned(a.tenant, pins):
		s.config.Log.Info("ended idle sessions that kept a tenant awake", "tenant", a.tenant.ID, "idle", pins)
		return minIdle
	case !use.Working:
		return minIdle // whoever it is may be gone by then
	case pins > 0:
		return max(min(timeout, pins), minIdle)
	}
	return timeout
}

// use tells what is being done with a tenant, and since when that is nothing.
func (s *Suspender) use(a *awakeTenant) (Use, time.Time) {
	use := s.config.Clients.LastUse(a.tenant)
	holds, since := s.config.Gate.held(a.tenant.ID)
	use.Working = use.Working || holds > 0
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range []time.Time{use.Since, a.since} {
		if at.After(since) {
			since = at
		}
	}
	return use, since
}

// begin marks a tenant as being suspended, and reports whether that can be.
func (s *Suspender) begin(a *awakeTenant) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tenants[a.tenant.UID] != a || a.trying {
		return false
	}
	a.trying = true
	s.looks.remove(&a.look)
	return true
}

// try suspends or freezes a tenant that began.
func (s *Suspender) try(ctx context.Context, a idleTenant) {
	since, came := s.comers(a) // it may have waited for others
	came = came || s.wasMoved(a)
	var err error
	if !came {
		suspend := s.config.Gate.SuspendIdle
		if a.freeze {
			suspend = s.config.Gate.FreezeIdle
		}
		if err = suspend(ctx, a.tenant, a.idleSince); err != nil {
			since, came = s.comers(a)
		}
		if err == errWanted {
			since, came = time.Now(), true
		}
	}
	because := obstacles(err)
	if came {
		because = nil // they are no longer there, or tell of themselves
	}
	s.mu.Lock()
	known := slices.Equal(a.because, because)
	a.trying, a.because, a.refusedAt = false, because, time.Now()
	a.frozen = a.freeze && err == nil && !came
	if s.tenants[a.tenant.UID] == a.awakeTenant {
		if !came && !a.frozen {
			since = a.refusedAt
		}
		s.lookIn(a.awakeTenant, since, s.patience(a.awakeTenant))
	}
	s.mu.Unlock()
	log := s.config.Log.With("tenant", a.tenant.ID, "idle_since", a.idleSince.UTC())
	switch {
	case came:
		log.Debug("somebody has come while the tenant was to be suspended")
	case err == nil && a.freeze:
		log.Debug("frozen")
	case err == nil:
		log.Info("suspended")
	case err == errElsewhere:
		log.Debug("left to other proxies, which use the tenant")
	case ctx.Err() == nil && !known:
		log.Info("the tenant stays awake", "because", because)
	}
}

// wasMoved reports whether a tenant has slept since it was found to be idle, and
// perhaps been woken.
func (s *Suspender) wasMoved(a idleTenant) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tenants[a.tenant.UID] != a.awakeTenant
}

// comers reports whether a tenant is in use since it was found to be idle, and when
// it was last, which is now if it is still.
func (s *Suspender) comers(a idleTenant) (since time.Time, came bool) {
	use, since := s.use(a.awakeTenant)
	if use.Working {
		return time.Now(), true
	}
	return since, since.After(a.idleSince)
}
