package relay

import "slices"

// queue is a queue of what is under way. It allocates only to grow, and taking out
// the first costs the same however many there are. The zero value is empty.
type queue[T any] struct {
	all  []T
	gone int // of all, at the front
}

// units are what ReadyForQuery is to answer.
type units = queue[unit]

// maxSpare is for how many an empty queue keeps room.
const maxSpare = 1024

func (q *queue[T]) len() int { return len(q.all) - q.gone }

// at returns the i-th; it is valid until the next push or cut.
func (q *queue[T]) at(i int) *T { return &q.all[q.gone+i] }

func (q *queue[T]) push(one T) {
	if len(q.all) == cap(q.all) && q.gone > len(q.all)/2 {
		left := copy(q.all, q.all[q.gone:])
		clear(q.all[left:])
		q.all, q.gone = q.all[:left], 0
	}
	q.all = append(q.all, one)
}

// cut removes from the i-th up to the j-th.
func (q *queue[T]) cut(i, j int) {
	if i == 0 {
		clear(q.all[q.gone : q.gone+j])
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
