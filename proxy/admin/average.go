package admin

import (
	"sync"
	"time"
)

// averages remembers counters, so that averages can be told. Nothing runs in the
// background: whoever looks takes the samples, and an average spans one to two
// periods, or the time since somebody last looked where that is longer.
type averages struct {
	mu           sync.Mutex
	older, newer sample // under mu: older is what averages begin at
}

// sample is the counters of each tenant at one moment.
type sample struct {
	at time.Time
	of map[string]Counters
}

// start is when everything was 0.
func (a *averages) start(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.older, a.newer = sample{at: now}, sample{at: now}
}

// growth is what was counted over a time.
type growth struct {
	Counters
	over time.Duration
}

// growth returns how each tenant's counters have grown of late.
func (a *averages) growth(now time.Time, period time.Duration, stats []Stats) map[string]growth {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.newer.at) >= period {
		a.older = a.newer
		a.newer = sample{at: now, of: make(map[string]Counters, len(stats))}
		for _, s := range stats {
			a.newer.of[s.Tenant] = s.Counters
		}
	}
	grown := make(map[string]growth, len(stats))
	for _, s := range stats {
		g := growth{Counters: s.minus(a.older.of[s.Tenant]), over: now.Sub(a.older.at)}
		if g.Transactions < 0 || g.Queries < 0 || g.Received < 0 {
			g.Counters = s.Counters // counted anew since
		}
		grown[s.Tenant] = g
	}
	return grown
}

// average returns the mean of c where it has one, else c per second.
func (g growth) average(c counter) int64 {
	if c.per != nil {
		if n := c.per(g.Counters); n > 0 {
			return c.value(g.Counters) / n
		}
		return 0
	}
	return g.perSecond(c.value(g.Counters))
}

// perSecond takes less than a second for one: what came just after the start says
// little.
func (g growth) perSecond(n int64) int64 {
	return int64(float64(n) / max(g.over, time.Second).Seconds())
}
