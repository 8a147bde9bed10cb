package relay

import "slices"

// units is a queue of unit. It allocates only to grow, and answering the first
// costs the same however many there are. The zero value is empty.
type units struct {
	all  []unit
	gone int // of all, at the front
}

// maxSpare is for how many units an empty queue keeps room.
const maxSpare = 1024

func (q *units) len() int { return len(q.all) - q.gone }

// at returns the i-th; it is valid until the next push or cut.
func (q *units) at(i int) *unit { return &q.all[q.gone+i] }

func (q *units) push(u unit) {
	if len(q.all) == cap(q.all) && q.gone > len(q.all)/2 {
		q.all = q.all[:copy(q.all, q.all[q.gone:])]
		q.gone = 0
	}
	q.all = append(q.all, u)
}

// cut removes from the i-th up to the j-th.
func (q *units) cut(i, j int) {
	if i == 0 {
		q.gone += j
	} else {
		q.all = slices.Delete(q.all, q.gone+i, q.gone+j)
	}
	if q.len() == 0 {
		q.gone, q.all = 0, q.all[:0]
		if cap(q.all) > maxSpare {
			q.all = nil
		}
	}
}
