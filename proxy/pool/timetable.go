package pool

import (
	"container/heap"
	"time"
)

// timetable is what a Group has to do at some time, the earliest first. One timer
// serves it all, so connections and pools need none.
type timetable struct {
	deadlines deadlines
	// changed holds a token when the earliest has become earlier.
	changed chan struct{}
}

// deadline is one entry of a timetable. The zero value, with run set, is in none.
type deadline struct {
	// run is called under Group.mu, with the deadline off the timetable.
	run   func(now time.Time)
	at    time.Time
	place int // in the heap, counted from 1; 0 if it is not there
}

func (d *deadline) listed() bool { return d.place > 0 }

func newTimetable() timetable { return timetable{changed: make(chan struct{}, 1)} }

// add lists d at the given time, or moves it there.
func (t *timetable) add(d *deadline, at time.Time) {
	d.at = at
	if d.listed() {
		heap.Fix(&t.deadlines, d.place-1)
	} else {
		heap.Push(&t.deadlines, d)
	}
	if t.deadlines[0] == d {
		select {
		case t.changed <- struct{}{}:
		default:
		}
	}
}

func (t *timetable) remove(d *deadline) {
	if d.listed() {
		heap.Remove(&t.deadlines, d.place-1)
	}
}

// run runs what is due, and returns when the next is; zero if there is none.
func (t *timetable) run(now time.Time) time.Time {
	for len(t.deadlines) > 0 {
		d := t.deadlines[0]
		if d.at.After(now) {
			return d.at
		}
		heap.Remove(&t.deadlines, 0)
		d.run(now)
	}
	return time.Time{}
}

// keepTimetable does what stands in the timetable until the Group is closed.
func (g *Group) keepTimetable() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-g.timetable.changed:
		case <-g.life.Done():
			return
		}
		if next := g.runTimetable(); next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
	}
}

func (g *Group) runTimetable() time.Time {
	g.mu.Lock()
	defer g.unlock()
	return g.timetable.run(time.Now())
}

// deadlines implements heap.Interface.
type deadlines []*deadline

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].at.Before(d[j].at) }

func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].place, d[j].place = i+1, j+1
}

func (d *deadlines) Push(x any) {
	*d = append(*d, x.(*deadline))
	(*d)[len(*d)-1].place = len(*d)
}

func (d *deadlines) Pop() any {
	last := (*d)[len(*d)-1]
	(*d)[len(*d)-1] = nil
	*d = (*d)[:len(*d)-1]
	last.place = 0
	return last
}
