package wake

import (
	"container/heap"
	"time"
)

// looks is when tenants are to be looked at, the earliest first. The zero value is
// empty.
type looks struct{ heap lookHeap }

// look is the next look at a tenant.
type look struct {
	of    *awakeTenant
	at    time.Time
	place int // in the heap, counted from 1; 0 if it is not there
}

// add lists l, or moves it, and reports whether it is the first now.
func (s *looks) add(l *look, at time.Time) bool {
	l.at = at
	if l.place > 0 {
		heap.Fix(&s.heap, l.place-1)
	} else {
		heap.Push(&s.heap, l)
	}
	return s.heap[0] == l
}

func (s *looks) remove(l *look) {
	if l.place > 0 {
		heap.Remove(&s.heap, l.place-1)
	}
}

// first is when the first is due.
func (s *looks) first() (time.Time, bool) {
	if len(s.heap) == 0 {
		return time.Time{}, false
	}
	return s.heap[0].at, true
}

// take takes out the tenant of the first if that is due, else it is nil.
func (s *looks) take(now time.Time) *awakeTenant {
	if len(s.heap) == 0 || s.heap[0].at.After(now) {
		return nil
	}
	l := s.heap[0]
	heap.Remove(&s.heap, 0)
	return l.of
}

// lookHeap implements heap.Interface.
type lookHeap []*look

func (h lookHeap) Len() int           { return len(h) }
func (h lookHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }

func (h lookHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i+1, j+1
}

func (h *lookHeap) Push(x any) {
	*h = append(*h, x.(*look))
	(*h)[len(*h)-1].place = len(*h)
}

func (h *lookHeap) Pop() any {
	last := (*h)[len(*h)-1]
	(*h)[len(*h)-1] = nil
	*h = (*h)[:len(*h)-1]
	last.place = 0
	return last
}
