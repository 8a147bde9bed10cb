package proxy

import (
	"sync"
	"sync/atomic"
)

// arrivals are the cancel requests for a server connection that was lent, so that
// nobody else has it before they have arrived. The zero value is none.
type arrivals struct {
	under sync.WaitGroup // those on their way
	lost  atomic.Bool    // one may arrive at any time
}

// begin notes a request that sets out. Nobody waits yet.
func (a *arrivals) begin() { a.under.Add(1) }

// end notes that one has arrived, or with an error that this is not known.
func (a *arrivals) end(err error) {
	if err != nil {
		a.lost.Store(true)
	}
	a.under.Done()
}

// wait returns when none is on its way any more, and reports whether all are known
// to have arrived.
func (a *arrivals) wait() bool {
	a.under.Wait()
	return !a.lost.Load()
}
