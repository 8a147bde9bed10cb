package proxy

import (
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

	// welcome is what a client is told that logs in while memory reaches; nil where it
	// does not.
	welcome *welcome

	sharers int // under accounts.mu
}

// welcome is the greeting of a login that has succeeded before.
type welcome struct {
	said       []byte            // the parameters as messages, application_name included
	parameters map[string]string // the record's own, without application_name
	base       base              // the same as one value
}

// welcomeOf returns what t's record says of a login, nil if it has not succeeded
// since the tenant last changed.
func welcomeOf(t *catalog.Tenant, login, applicationName string) *welcome {
	known, ok := t.Greetings[login]
	if !ok {
		return nil
	}
	return &welcome{
		said:       appendParameters(nil, withApplicationName(known.Parameters, applicationName)),
		parameters: known.Parameters,
		base:       baseOf(known.Parameters),
	}
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
	// own is what pool does not say of the settings.
	own string
	// disregarded is dialer's, which a reload may have changed.
	disregarded bool
	// key is the client's, which two passwords do not share.
	key [32]byte
}

func (a *account) sharedBy(clientKey []byte, disregarded bool) accountKey {
	k := accountKey{
		tenant: a.tenant, pool: a.poolKey, poolMode: a.identity.PoolMode, carrier: a.identity.Carrier,
		own: a.identity.Settings[applicationName], disregarded: disregarded,
	}
	copy(k.key[:], clientKey)
	return k
}

// key is that of an account that is complete.
func (a *account) key() accountKey {
	return a.sharedBy(a.dialer.login.Keys.ClientKey, a.dialer.disregarded)
}

// find returns the account with this key, nil if there is none. The caller calls
// leave.
func (r *accounts) find(key accountKey) *account {
	r.mu.Lock()
	defer r.mu.Unlock()
	same := r.shared[key]
	if same != nil {
		same.sharers++
	}
	return same
}

// share returns the account to use in place of a, which is complete: one that is the
// same, or a itself. The caller calls leave.
func (r *accounts) share(a *account) *account {
	key := a.key()
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

// leave gives up what find or share has returned.
func (r *accounts) leave(a *account) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a.sharers--; a.sharers == 0 {
		delete(r.shared, a.key())
	}
}

// openAccount completes the account of a session that has authenticated.
func (s *session) openAccount() {
	s.poolKey = pool.Key{Tenant: s.tenant.UID, Role: s.identity.Role, Database: s.identity.Database, Settings: s.greeting().Key()}
	if s.looped() {
		if same := s.server.accounts.find(s.sharedBy(s.keys.ClientKey, s.disregarded())); same != nil {
			s.account, s.shares = same, true
			return
		}
	}
	name, named := s.identity.Settings[applicationName]
	if s.pools() {
		s.own = relay.NewSettings(map[string]string{applicationName: validName(name)})
	}
	s.counter = s.server.counter(s.tenant.ID)
	s.dialer = newDialer(s)
	if s.identity.Replication == "" && (!named || plainName(name)) {
		s.welcome = welcomeOf(s.tenant, s.poolKey.Settings, name)
	}
}

// shareAccount has a session on the loop share its account. It must not be known to
// others yet. leaveAccount undoes it.
func (s *session) shareAccount() {
	if s.looped() && !s.shares {
		s.account, s.shares = s.server.accounts.share(s.account), true
	}
}

func (s *session) leaveAccount() {
	if s.shares {
		s.server.accounts.leave(s.account)
		s.shares = false
	}
}
