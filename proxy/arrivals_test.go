package proxy

import "testing"

// A session may give back a second server connection before the cancel request for
// the first has arrived: both are waited for, and both come free.
// Promises: E88, I6.
func TestArrivalsFreeEveryoneWhoWaits(t *testing.T) {
	t.Parallel()
	var a arrivals
	if a.wait() != nil {
		t.Error("nothing is on its way")
	}
	a.begin()
	a.begin()
	first := a.wait()
	a.end()
	second := a.wait()
	for _, waits := range []<-chan struct{}{first, second} {
		select {
		case <-waits:
			t.Error("one is on its way")
		default:
		}
	}
	a.end()
	<-first
	<-second
	if a.wait() != nil {
		t.Error("all have arrived")
	}
}
