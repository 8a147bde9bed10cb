//go:build linux

package engine

import "time"

// deadlines are when conversations that have ended stop waiting for either side.
// Each waits once or twice, for seconds, so the list is not in order, and those
// that have no deadline any more stay in it until it is gone through.
type deadlines struct {
	all  []*LoopConversation
	next int64 // a moment no later than the first; 0 for none
}

// wakeUp calls expired on c in so long.
func (l *eventLoop) wakeUp(c *LoopConversation, in time.Duration) {
	c.deadline = moment() + int64(in)
	d := &l.deadlines
	d.all = append(d.all, c)
	if d.next == 0 || c.deadline < d.next {
		d.next = c.deadline
	}
}

// untilDeadline returns the time to the next one in milliseconds, -1 for none.
func (l *eventLoop) untilDeadline() int {
	if l.deadlines.next == 0 {
		return -1
	}
	return max(0, int(time.Duration(l.deadlines.next-moment()).Milliseconds())+1)
}

// expire calls expired where it is due.
func (l *eventLoop) expire() {
	d := &l.deadlines
	if d.next == 0 { // as a rule, and the clock costs
		return
	}
	now := moment()
	if now < d.next {
		return
	}
	all := d.all
	d.all, d.next = nil, 0
	for _, c := range all {
		switch {
		case c.deadline == 0:
		case now < c.deadline:
			d.all = append(d.all, c)
			if d.next == 0 || c.deadline < d.next {
				d.next = c.deadline
			}
		default:
			c.deadline = 0
			c.expired()
		}
	}
}
