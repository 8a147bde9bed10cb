//go:build linux

package engine

import "time"

// deadlines are when conversations that have ended stop waiting for either side.
// Each waits once or twice, for seconds, so the list is not in order, and those
// that have no deadline any more stay in it until it is gone through.
type deadlines struct {
	all  []*LoopConversation
	next time.Time // no later than the first; zero for none
}

// wakeUp calls expired on c in so long.
func (l *eventLoop) wakeUp(c *LoopConversation, in time.Duration) {
	c.deadline = time.Now().Add(in)
	d := &l.deadlines
	d.all = append(d.all, c)
	if d.next.IsZero() || c.deadline.Before(d.next) {
		d.next = c.deadline
	}
}

// untilDeadline returns the time to the next one in milliseconds, -1 for none.
func (l *eventLoop) untilDeadline() int {
	if l.deadlines.next.IsZero() {
		return -1
	}
	return max(0, int(time.Until(l.deadlines.next).Milliseconds())+1)
}

// expire calls expired where it is due.
func (l *eventLoop) expire() {
	d := &l.deadlines
	if d.next.IsZero() || time.Now().Before(d.next) {
		return
	}
	now := time.Now()
	all := d.all
	d.all, d.next = nil, time.Time{}
	for _, c := range all {
		switch {
		case c.deadline.IsZero():
		case now.Before(c.deadline):
			d.all = append(d.all, c)
			if d.next.IsZero() || c.deadline.Before(d.next) {
				d.next = c.deadline
			}
		default:
			c.deadline = time.Time{}
			c.expired()
		}
	}
}
