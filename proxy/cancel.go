package proxy

import (
	"context"
	"crypto/subtle"
	"log/slog"
	"sync"
	"time"

	"postern/proxy/meter"
	"postern/proxy/wire"
)

// maxCancels bounds the cancel requests that are passed on at once, maxTenantCancels
// those to one tenant or proxy, and cancelTimeout each of them, so that a flood or a backend
// that never closes holds nothing for long, and nothing of another tenant's.
const (
	maxCancels       = 64
	maxTenantCancels = 8
	cancelTimeout    = 10 * time.Second
)

// cancelRegistry knows which session a cancel key belongs to.
type cancelRegistry struct {
	secret []byte // the fleet's
	fleet  Fleet
	log    *slog.Logger
	slots  chan struct{}

	mu       sync.Mutex
	underWay map[string]int // under mu: requests by the tenant's UID, or the proxy's address
	// keys are by pid, which few sessions share: those are chained by their keys.
	keys map[uint32]*cancelKey // under mu
}

func newCancelRegistry(secret []byte, fleet Fleet, log *slog.Logger) *cancelRegistry {
	return &cancelRegistry{
		secret:   secret,
		fleet:    fleet,
		log:      log,
		slots:    make(chan struct{}, maxCancels),
		underWay: make(map[string]int),
		keys:     make(map[uint32]*cancelKey),
	}
}

// add makes a key for s and files it until remove.
func (r *cancelRegistry) add(s *session) *cancelKey {
	key := newKey(r.secret, r.fleet.Number(), s.backendPID(), s.keySize())
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
	key, forwarded := unseal(r.secret, request)
	if s := r.find(key); s != nil {
		return r.bounded(ctx, s.tenant.UID, func(ctx context.Context) string {
			return s.cancelStatement(ctx, &wire.Error{
				Code: wire.QueryCanceled, Message: "canceling statement due to user request", Kind: "canceled",
			})
		})
	}
	maker, genuine := r.maker(ctx, key)
	switch {
	case !genuine:
		return "forged"
	case forwarded || maker.Number == r.fleet.Number() || maker.Address == "":
		return "unknown"
	}
	return r.bounded(ctx, maker.Address, func(ctx context.Context) string {
		if err := forward(ctx, maker.Address, seal(r.secret, key)); err != nil {
			r.log.Warn("cannot pass a cancel request on to its proxy", "proxy", maker.Number, "address", maker.Address, "error", err)
			return "failed"
		}
		return "forwarded"
	})
}

// bounded does work for a tenant, or another proxy, if there is not too much to do for
// it already.
func (r *cancelRegistry) bounded(ctx context.Context, whose string, work func(context.Context) string) string {
	if !r.begin(whose) {
		return "refused"
	}
	defer r.end(whose)
	ctx, cancel := context.WithTimeout(ctx, cancelTimeout)
	defer cancel()
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return "failed"
	}
	return work(ctx)
}

// begin counts a cancel request to a tenant or a proxy, unless there are too many; the
// caller calls end.
func (r *cancelRegistry) begin(whose string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.underWay[whose] >= maxTenantCancels {
		return false
	}
	r.underWay[whose]++
	return true
}

func (r *cancelRegistry) end(whose string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.underWay[whose]--; r.underWay[whose] == 0 {
		delete(r.underWay, whose)
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
