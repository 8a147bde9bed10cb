package proxy

import "sync"

// arrivals counts the cancel requests that are on their way to a session's server
// connection, so that nobody else has it before they have arrived. The zero value
// is none.
type arrivals struct {
	mu      sync.Mutex
	under   int           // under mu: how many are on their way
	arrived chan struct{} // under mu: closed when there are none, if somebody waits
}

// begin notes a request that sets out.
func (a *arrivals) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.under++
}

// end notes that one has arrived, or will not.
func (a *arrivals) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.under--; a.under == 0 && a.arrived != nil {
		close(a.arrived)
		a.arrived = nil
	}
}

// wait returns a channel that is closed when none is on its way, nil if that is so
// now.
func (a *arrivals) wait() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.under > 0 && a.arrived == nil {
		a.arrived = make(chan struct{})
	}
	return a.arrived
}
