package proxy

import (
	"context"
	"crypto/subtle"
	"sync"
	"time"

	"postern/proxy/meter"
	"postern/proxy/wire"
)

// maxCancels bounds the cancel requests that are passed on at once, maxTenantCancels
// those to one tenant, and cancelTimeout each of them, so that a flood or a backend
// that never closes holds nothing for long, and nothing of another tenant's.
const (
	maxCancels       = 64
	maxTenantCancels = 8
	cancelTimeout    = 10 * time.Second
)

// cancelRegistry knows which session a cancel key belongs to.
type cancelRegistry struct {
	fleet  []byte
	number uint16
	slots  chan struct{}

	mu       sync.Mutex
	underWay map[string]int // under mu: requests by the tenant's UID
	// keys are by pid, which few sessions share: those are chained by their keys.
	keys map[uint32]*cancelKey // under mu
}

func newCancelRegistry(fleet []byte, number uint16) *cancelRegistry {
	return &cancelRegistry{
		fleet:    fleet,
		number:   number,
		slots:    make(chan struct{}, maxCancels),
		underWay: make(map[string]int),
		keys:     make(map[uint32]*cancelKey),
	}
}

// add makes a key for s and files it until remove.
func (r *cancelRegistry) add(s *session) *cancelKey {
	key := newKey(r.fleet, r.number, s.backendPID(), s.keySize())
	s.key, key.session = key, s
	r.mu.Lock()
	defer r.mu.Unlock()
	key.next = r.keys[key.pid]
	r.keys[key.pid] = key
	return key
}

// backendPID is that of the server connection that the session has to its end, 0
// if there is none.
func (s *session) backendPID() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.backend != nil:
		return s.backend.PID()
	case s.kept != nil && s.lease != nil:
		return s.lease.PID()
	}
	return 0
}

func (r *cancelRegistry) remove(key *cancelKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := r.keys[key.pid]
	for at := &first; *at != nil; at = &(*at).next {
		if *at == key {
			*at = key.next
			break
		}
	}
	if first == nil {
		delete(r.keys, key.pid)
		return
	}
	r.keys[key.pid] = first
}

// find returns the session that has the key, nil if none has. How long it takes
// tells nothing of a secret.
func (r *cancelRegistry) find(key *cancelKey) *session {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found *session
	for one := r.keys[key.pid]; one != nil; one = one.next {
		if subtle.ConstantTimeCompare(one.secret, key.secret) == 1 {
			found = one.session
		}
	}
	return found
}

// serve does what a cancel request asks for and returns when it is done, upon
// which the caller closes the connection: libpq waits for that. It never wakes
// anything, and says nothing to the client, as PostgreSQL does.
func (r *cancelRegistry) serve(ctx context.Context, request *wire.CancelRequest, metrics *meter.Metrics) {
	metrics.Cancels.WithLabelValues(r.result(ctx, request)).Inc()
}

func (r *cancelRegistry) result(ctx context.Context, request *wire.CancelRequest) string {
	key := &cancelKey{pid: request.PID, secret: request.Secret}
	if !key.genuine(r.fleet) {
		return "forged"
	}
	s := r.find(key)
	if s == nil {
		return "unknown"
	}
	if !r.begin(s.tenant.UID) {
		return "refused"
	}
	defer r.end(s.tenant.UID)
	ctx, cancel := context.WithTimeout(ctx, cancelTimeout)
	defer cancel()
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return "failed"
	}
	return s.cancelStatement(ctx, &wire.Error{
		Code: wire.QueryCanceled, Message: "canceling statement due to user request", Kind: "canceled",
	})
}

// begin counts a cancel request to a tenant, unless there are too many; the caller
// calls end.
func (r *cancelRegistry) begin(tenant string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.underWay[tenant] >= maxTenantCancels {
		return false
	}
	r.underWay[tenant]++
	return true
}

func (r *cancelRegistry) end(tenant string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.underWay[tenant]--; r.underWay[tenant] == 0 {
		delete(r.underWay, tenant)
	}
}

// cancelStatement ends what the session waits for, with canceled, or runs. The
// server connection stays the session's until the request has arrived, so nobody
// else's statement can be hit.
func (s *session) cancelStatement(ctx context.Context, canceled *wire.Error) string {
	s.mu.Lock()
	conversation := s.conversation
	s.mu.Unlock()
	switch {
	case s.server.config.Console.cancel(s):
		return "sent"
	case conversation == nil:
		return "idle"
	case conversation.CancelWait(canceled):
		return "waiting"
	case !conversation.Attached() || !conversation.Busy():
		return "idle"
	}
	sent, err := true, error(nil)
	if s.backend != nil {
		err = s.backend.Cancel(ctx)
	} else {
		sent, err = s.cancelLent(ctx)
	}
	if !sent {
		return "idle"
	}
	if err != nil {
		s.log().Warn("cannot pass a cancel request on", "error", err)
		return "failed"
	}
	return "sent"
}
