package catalog

import "time"

// unknownNames are names that the store does not know, each until its time, at
// most limit of them. It is not safe for concurrent use.
type unknownNames struct {
	limit int
	until map[name]time.Time
	// queue has the names in the order they were added, which is the order in
	// which they pass; one that was removed or added again is skipped.
	queue []unknownName
}

type unknownName struct {
	name  name
	until time.Time
}

func (u *unknownNames) has(n name, now time.Time) bool {
	return now.Before(u.until[n])
}

func (u *unknownNames) add(n name, now time.Time, ttl time.Duration) {
	for len(u.queue) > 0 && (len(u.queue) >= u.limit || !now.Before(u.queue[0].until)) {
		oldest := u.queue[0]
		u.queue[0] = unknownName{}
		u.queue = u.queue[1:]
		if u.until[oldest.name].Equal(oldest.until) {
			delete(u.until, oldest.name)
		}
	}
	u.until[n] = now.Add(ttl)
	u.queue = append(u.queue, unknownName{n, u.until[n]})
}

func (u *unknownNames) remove(n name) { delete(u.until, n) }

func (u *unknownNames) clear() {
	clear(u.until)
	u.queue = nil
}
