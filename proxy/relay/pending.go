package relay

// pending is what the server has been sent and not yet answered. Every Query,
// FunctionCall and Sync brings one ReadyForQuery; counting them is easy but for
// three things: after an error in an extended batch everything up to its Sync is
// skipped, simple queries included; in COPY IN the server ignores Syncs; and the
// client may have sent all of that before the answer that makes it so.
// (PostgreSQL manual, "Message Flow": Extended Query, COPY Operations.)
//
// The zero value is nothing pending.
type pending struct {
	units    units // in the order sent
	open     int   // extended messages sent behind the last unit and not answered
	unsynced bool  // extended messages were sent behind the last unit
	skipping bool  // the server skips what comes before the next Sync
	copying  bool  // COPY IN: the turn is the client's until CopyDone or CopyFail

	data    bool // CopyData is the last that was sent, but for Syncs
	ignored bool // a Sync behind CopyData is ignored, if the COPY does not fail
	doubt   bool // it did fail, so nobody knows how many ReadyForQuery are to come

	// sent numbers the extended messages, and done those of them that are over:
	// answered, failed or skipped.
	sent, done uint64
}

// unit is a message that ReadyForQuery answers, or the end of a COPY.
type unit struct {
	kind unitKind
	data bool // of a sync: it was sent behind CopyData
	// steps counts the extended messages sent before it that have no answer yet.
	steps int
}

type unitKind uint8

const (
	queryUnit   unitKind = iota // Query or FunctionCall
	syncUnit                    // Sync
	copyEndUnit                 // CopyDone or CopyFail sent before the server asked for data
)

func (p *pending) empty() bool {
	return p.units.len() == 0 && !p.unsynced && !p.skipping && !p.copying && !p.doubt
}

// sentExtended notes Parse, Bind, Describe, Execute or Close.
func (p *pending) sentExtended() {
	p.data = false
	if !p.skipping {
		p.open++
		p.sent++
		p.unsynced = true
	}
}

// last reports whether nothing is outstanding once the ReadyForQuery has come
// that comes next.
func (p *pending) last() bool {
	p.head()
	return p.units.len() <= 1 && p.open == 0 && !p.unsynced && !p.skipping && !p.copying && !p.doubt
}

func (p *pending) sentQuery() {
	p.data = false
	if !p.skipping {
		p.push(queryUnit)
	}
}

func (p *pending) sentSync() {
	if p.copying {
		p.ignored = p.ignored || p.data
		return
	}
	p.skipping = false
	p.push(syncUnit)
}

func (p *pending) sentCopyData() { p.data = true }

func (p *pending) sentCopyEnd() {
	p.data = false
	switch {
	case p.copying:
		p.copying = false
	case p.skipping || p.units.len() == 0 && p.open == 0:
		// Late words of a COPY that has failed: the server ignores them.
	default:
		p.push(copyEndUnit)
	}
}

func (p *pending) push(kind unitKind) {
	p.units.push(unit{kind: kind, data: p.data, steps: p.open})
	p.open = 0
	if kind != copyEndUnit {
		p.unsynced = false
	}
}

// head returns the count of unanswered extended messages that the server is at.
func (p *pending) head() *int {
	for p.units.len() > 0 && p.units.at(0).kind == copyEndUnit && p.units.at(0).steps == 0 {
		p.remove(0, 1) // the COPY that it was to end never began
	}
	return p.stepsAt(0)
}

// stepsAt returns the count of the i-th unit, or of what was sent behind the last.
func (p *pending) stepsAt(i int) *int {
	if i < p.units.len() {
		return &p.units.at(i).steps
	}
	return &p.open
}

// remove takes units out, from the i-th up to the j-th, and returns how many
// steps they had.
func (p *pending) remove(i, j int) (steps int) {
	for at := i; at < j; at++ {
		steps += p.units.at(at).steps
	}
	p.units.cut(i, j)
	return steps
}

// stepDone notes the last message of the answer to an extended message, which it
// reports, or to a statement of a simple query.
func (p *pending) stepDone() bool {
	p.ignored = false
	steps := p.head()
	if *steps == 0 {
		return false
	}
	*steps--
	p.done++
	return true
}

// failed notes an ErrorResponse.
func (p *pending) failed() {
	p.doubt = p.doubt || p.ignored
	p.copying = false
	if steps := p.head(); *steps == 0 {
		return // of a Query, FunctionCall or Sync: ReadyForQuery follows
	}
	last := 0
	for last < p.units.len() && p.units.at(last).kind != syncUnit {
		last++
	}
	skipped := p.remove(0, last)
	steps := p.stepsAt(0)
	p.done += uint64(skipped + *steps)
	*steps = 0
	p.skipping = p.units.len() == 0
}

// copyIn notes CopyInResponse: the Syncs that were sent before the end of the
// data mean nothing, and what was to end with them ends later.
func (p *pending) copyIn() {
	at := 0
	if steps := p.head(); *steps == 0 {
		at = 1 // the query at the head is what copies
	}
	last := at
	for last < p.units.len() && p.units.at(last).kind == syncUnit {
		p.ignored = p.ignored || p.units.at(last).data
		last++
	}
	p.copying = last >= p.units.len()
	if !p.copying && p.units.at(last).kind == copyEndUnit {
		last++
	}
	// A query among the data stays: the server will refuse it.
	if last > at {
		steps := p.remove(at, last)
		*p.stepsAt(at) += steps
		p.unsynced = p.unsynced || at >= p.units.len() && steps > 0
	}
}

// ready notes ReadyForQuery, and reports whether it ends a Query or FunctionCall.
func (p *pending) ready() (query bool) {
	p.ignored = false
	p.head()
	if p.units.len() > 0 {
		query = p.units.at(0).kind == queryUnit
		p.remove(0, 1)
	} else {
		p.done += uint64(p.open)
		p.open, p.unsynced, p.skipping = 0, false, false // of a Sync that was thought ignored
	}
	p.head()
	return query
}
