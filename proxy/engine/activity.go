package engine

import (
	"sync/atomic"
	"time"

	"postern/proxy/relay"
)

// Phase is what a client is doing.
type Phase uint8

// The phases of a conversation.
const (
	Idle              Phase = iota // between transactions
	IdleInTransaction              // in one, or in a batch, with nothing to wait for
	Querying                       // it waits for answers
	Waiting                        // it waits for a server connection
)

// Doing is what a client is doing and for how long.
type Doing struct {
	Phase Phase
	// For is how long the phase has lasted, Transaction how long the transaction; 0
	// without one.
	For, Transaction time.Duration
}

// activity follows what a conversation does. Who drives the relay writes it,
// anybody may read it.
type activity struct {
	counter *relay.Counter // nil counts nothing
	// state is since when the phase lasts, with the phase in its last two bits, and
	// transaction since when the transaction does, 0 for none.
	state, transaction atomic.Int64
	pins               atomic.Uint32 // relay.Pins
}

// epoch is what moments are counted from, in nanoseconds.
var epoch = time.Now()

// moment is now.
func moment() int64 { return int64(time.Since(epoch)) &^ phaseMask }

const phaseMask = 3

// note looks at the relay and at whether a server connection is waited for.
func (a *activity) note(r *relay.Session, waiting bool, now int64) {
	phase := Idle
	switch {
	case waiting:
		phase = Waiting
	case r.Waiting():
		phase = Querying
	case !r.Idle():
		phase = IdleInTransaction
	}
	a.enter(phase, now)
	var pins relay.Pins
	if r.HasServer() {
		pins = r.Pins()
	}
	a.repin(pins)
}

// enter begins a phase, if it is another one.
func (a *activity) enter(phase Phase, now int64) {
	state := a.state.Load()
	was, since := Phase(state&phaseMask), state&^phaseMask
	if was == phase && state != 0 {
		return
	}
	a.state.Store(now | int64(phase))
	began := a.transaction.Load()
	switch {
	case phase == Idle && began != 0:
		a.transaction.Store(0)
	case began == 0 && (phase == Querying || phase == IdleInTransaction):
		a.transaction.Store(now)
	}
	if a.counter == nil {
		return
	}
	switch was {
	case Querying:
		a.counter.QueryTime.Add(now - since)
	case Waiting:
		a.counter.WaitTime.Add(now - since)
	}
	if phase == Idle && began != 0 {
		a.counter.TransactionTime.Add(now - began)
	}
}

func (a *activity) repin(pins relay.Pins) {
	was := relay.Pins(a.pins.Load())
	if was == pins {
		return
	}
	a.pins.Store(uint32(pins))
	if a.counter != nil {
		a.counter.Repin(was, pins)
	}
}

// conclude is for the end of the conversation: the last phase is counted, and still
// tells what the client has left behind.
func (a *activity) conclude(now int64) {
	last := a.state.Load()
	a.enter(Idle, now)
	a.state.Store(last)
	a.repin(0)
}

// Doing tells what the client is doing now.
func (a *activity) Doing() Doing {
	state, began, now := a.state.Load(), a.transaction.Load(), moment()
	if state == 0 {
		return Doing{} // it has not begun
	}
	d := Doing{Phase: Phase(state & phaseMask), For: time.Duration(now - state&^phaseMask)}
	if began != 0 {
		d.Transaction = time.Duration(now - began)
	}
	return d
}

// Pins returns why the client keeps its server connection between transactions; 0
// without one.
func (a *activity) Pins() relay.Pins { return relay.Pins(a.pins.Load()) }

// Busy reports whether the client is in a transaction or waits for an answer.
func (a *activity) Busy() bool { return Phase(a.state.Load()&phaseMask) != Idle }
