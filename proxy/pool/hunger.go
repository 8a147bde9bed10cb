package pool

import "container/heap"

// hunger is the tenants that are hungry and may have more connections: the one
// with the smallest share first, and of equal ones the one that was fed longest
// ago. It implements heap.Interface.
type hunger []*tenant

func (h hunger) Len() int { return len(h) }

func (h hunger) Less(i, j int) bool {
	if n := h[i].poorer(h[j]); n != 0 {
		return n > 0
	}
	return h[i].fed.Before(h[j].fed)
}

func (h hunger) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].rank, h[j].rank = i+1, j+1
}

func (h *hunger) Push(x any) {
	*h = append(*h, x.(*tenant))
	(*h)[len(*h)-1].rank = len(*h)
}

func (h *hunger) Pop() any {
	last := (*h)[len(*h)-1]
	(*h)[len(*h)-1] = nil
	*h = (*h)[:len(*h)-1]
	last.rank = 0
	return last
}

// place puts t where it belongs among the hungry. It is called whenever its size
// has changed or its pools' hunger.
func (t *tenant) place() {
	h := &t.group.hungry
	switch belongs := len(t.hungry) > 0 && !t.full(); {
	case belongs && t.rank == 0:
		heap.Push(h, t)
	case belongs:
		heap.Fix(h, t.rank-1)
	case t.rank > 0:
		heap.Remove(h, t.rank-1)
	}
}
