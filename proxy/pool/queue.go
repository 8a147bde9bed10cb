package pool

// queue is requests, the oldest first. The zero value is empty.
type queue struct {
	first, last *Request
	length      int
}

func (q *queue) push(r *Request) {
	r.previous = q.last
	if q.last == nil {
		q.first = r
	} else {
		q.last.next = r
	}
	q.last = r
	q.length++
}

func (q *queue) remove(r *Request) {
	if r.previous == nil {
		q.first = r.next
	} else {
		r.previous.next = r.next
	}
	if r.next == nil {
		q.last = r.previous
	} else {
		r.next.previous = r.previous
	}
	r.previous, r.next = nil, nil
	q.length--
}

// undialled is the oldest without a dial of its own. It looks past few: no more
// have one than are dialled at once.
func (q *queue) undialled() *Request {
	r := q.first
	for r != nil && r.attempt != nil {
		r = r.next
	}
	return r
}
