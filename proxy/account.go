package proxy

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"postern/catalog"
	"postern/proxy/pool"
	"postern/proxy/relay"
	"postern/router"
)

// account is what a login has established: who the client is, where it has led, and
// how server connections are made for it. Sessions on the loop that have logged in
// alike share one, which nobody changes any more.
type account struct {
	identity router.Identity
	tenant   *catalog.Tenant // as it was at login
	dialer   *dialer
	counter  *relay.Counter // of the tenant
	// defaultMode is the pool mode of who asks for none, as it was at login.
	defaultMode string

	// In transaction mode: which server connections the client can use, and what it
	// asked for at login beyond that.
	poolKey pool.Key
	own     relay.Settings

	sharers int // under accounts.mu
}

// accounts are those that are shared. The zero value has none.
type accounts struct {
	mu     sync.Mutex
	shared map[accountKey]*account // under mu
}

// accountKey says which accounts are the same.
type accountKey struct {
	tenant   *catalog.Tenant
	pool     pool.Key
	poolMode string
	carrier  string
	settings string
	key      [32]byte // the client's, which two passwords do not share
}

func (a *account) sharedBy() accountKey {
	var settings strings.Builder
	for _, name := range slices.Sorted(maps.Keys(a.identity.Settings)) {
		settings.WriteString(name)
		settings.WriteByte(0)
		settings.WriteString(a.identity.Settings[name])
		settings.WriteByte(0)
	}
	k := accountKey{
		tenant: a.tenant, pool: a.poolKey, poolMode: a.identity.PoolMode, carrier: a.identity.Carrier,
		settings: settings.String(),
	}
	copy(k.key[:], a.dialer.login.Keys.ClientKey)
	return k
}

// share returns the account to use in place of a: one that is the same, if there
// is one. The caller calls leave.
func (r *accounts) share(a *account) *account {
	key := a.sharedBy()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.shared == nil {
		r.shared = make(map[accountKey]*account)
	}
	if same := r.shared[key]; same != nil {
		a = same
	} else {
		r.shared[key] = a
	}
	a.sharers++
	return a
}

// shareAccount has a session on the loop share its account. It must not be known to
// others yet. leaveAccount undoes it.
func (s *session) shareAccount() {
	if s.looped() {
		s.account, s.shares = s.server.accounts.share(s.account), true
	}
}

func (s *session) leaveAccount() {
	if s.shares {
		s.server.accounts.leave(s.account)
	}
}

// leave gives up what share has returned.
func (r *accounts) leave(a *account) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a.sharers--; a.sharers == 0 {
		delete(r.shared, a.sharedBy())
	}
}
