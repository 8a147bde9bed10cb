package router

import "sync/atomic"

// Admission bounds the clients of a proxy. Limits of a tenant or a role come
// with quotas.
type Admission struct {
	max  atomic.Int64
	used atomic.Int64
}

// NewAdmission returns an Admission for at most max clients at once.
func NewAdmission(max int) *Admission {
	a := &Admission{}
	a.Resize(max)
	return a
}

// Resize changes the bound. Clients beyond a lower one stay.
func (a *Admission) Resize(max int) { a.max.Store(int64(max)) }

// Admit returns the right to hold one client connection, or false if there is no
// room. Whoever gets a Ticket releases it.
func (a *Admission) Admit() (*Ticket, bool) {
	if a.used.Add(1) > a.max.Load() {
		a.used.Add(-1)
		return nil, false
	}
	return &Ticket{admission: a}, true
}

// Ticket is the right to hold one client connection.
type Ticket struct {
	admission *Admission
	released  atomic.Bool
}

// Release gives the right back; only the first call counts.
func (t *Ticket) Release() {
	if !t.released.Swap(true) {
		t.admission.used.Add(-1)
	}
}
