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
	units    []unit // in the order sent
	open     int    // extended messages sent behind the last unit
	skipping bool   // the server skips what comes before the next Sync
	copying  bool   // COPY IN: the turn is the client's until CopyDone or CopyFail
}

// unit is a message that ReadyForQuery answers, or the end of a COPY.
type unit struct {
	kind unitKind
	// steps counts the extended messages sent before it that have no answer yet.
	steps int
}

type unitKind uint8

const (
	query   unitKind = iota // Query or FunctionCall
	sync                    // Sync
	copyEnd                 // CopyDone or CopyFail sent before the server asked for data
)

func (p *pending) empty() bool {
	return len(p.units) == 0 && p.open == 0 && !p.skipping && !p.copying
}

// sentExtended notes Parse, Bind, Describe, Execute or Close.
func (p *pending) sentExtended() {
	if !p.skipping {
		p.open++
	}
}

func (p *pending) sentQuery() {
	if !p.skipping {
		p.push(query)
	}
}

func (p *pending) sentSync() {
	if p.copying {
		return
	}
	p.skipping = false
	p.push(sync)
}

func (p *pending) sentCopyEnd() {
	switch {
	case p.copying:
		p.copying = false
	case p.skipping || len(p.units) == 0 && p.open == 0:
		// Late words of a COPY that has failed: the server ignores them.
	default:
		p.push(copyEnd)
	}
}

func (p *pending) push(kind unitKind) {
	p.units = append(p.units, unit{kind, p.open})
	p.open = 0
}

// head returns the count of unanswered extended messages that the server is at.
func (p *pending) head() *int {
	p.dropCopyEnds()
	if len(p.units) > 0 {
		return &p.units[0].steps
	}
	return &p.open
}

// dropCopyEnds removes ends of COPYs that never began from the front.
func (p *pending) dropCopyEnds() {
	for len(p.units) > 0 && p.units[0].kind == copyEnd {
		steps := p.units[0].steps
		p.pop()
		*p.front() += steps
	}
}

func (p *pending) front() *int {
	if len(p.units) > 0 {
		return &p.units[0].steps
	}
	return &p.open
}

func (p *pending) pop() {
	p.units = p.units[:copy(p.units, p.units[1:])]
}

// stepDone notes the last message of the answer to an extended message.
func (p *pending) stepDone() {
	if steps := p.head(); *steps > 0 {
		*steps--
	}
}

// failed notes an ErrorResponse.
func (p *pending) failed() {
	p.copying = false
	if steps := p.head(); *steps == 0 {
		return // of a Query, FunctionCall or Sync: ReadyForQuery follows
	}
	for len(p.units) > 0 && p.units[0].kind != sync {
		p.pop()
	}
	if len(p.units) > 0 {
		p.units[0].steps = 0
		return
	}
	p.open = 0
	p.skipping = true
}

// copyIn notes CopyInResponse: the Syncs that were sent before the end of the
// data mean nothing, and what was to end with them ends later.
func (p *pending) copyIn() {
	at := 0
	if steps := p.head(); *steps == 0 {
		at = 1 // the query at the head is what copies
	}
	steps := 0
	for at < len(p.units) && p.units[at].kind == sync {
		steps += p.units[at].steps
		p.units = append(p.units[:at], p.units[at+1:]...)
	}
	switch {
	case at >= len(p.units):
		p.copying = true
		p.open += steps
	case p.units[at].kind == copyEnd:
		steps += p.units[at].steps
		p.units = append(p.units[:at], p.units[at+1:]...)
		if at < len(p.units) {
			p.units[at].steps += steps
		} else {
			p.open += steps
		}
	default: // a query among the data: the server will refuse it
		p.units[at].steps += steps
	}
}

// ready notes ReadyForQuery.
func (p *pending) ready() {
	p.dropCopyEnds()
	if len(p.units) > 0 {
		p.pop()
	}
	p.dropCopyEnds()
}
