package proxy

import (
	"context"
	"time"

	"postern/proxy/engine"
	"postern/proxy/pool"
	"postern/proxy/relay"
)

// queued is one wait in the pool's queue, of a client that has no goroutine to wait
// in. Idle clients have none, and those that wait use one after the other, so that
// waiting costs no memory.
type queued struct {
	session *session
	want    relay.Settings
	waiter  engine.Waiter
	request pool.Request
	timer   *time.Timer
	served  func(*pool.Lease, error) // take, bound once
}

// Request implements engine.Host: it waits in the pool's queue, behind clients who
// have server connections already, so that the tenant is known to be awake.
func (s *session) Request(want relay.Settings, waiter engine.Waiter) bool {
	pools := s.server.pools
	if s.pooled == nil || pools.Lent(s.poolKey.Tenant) == 0 {
		return false
	}
	w := s.server.newWait()
	w.session, w.want, w.waiter, w.request.Affinity = s, want, waiter, want
	s.mu.Lock()
	s.pooled.wait = w
	s.mu.Unlock()
	w.timer.Reset(s.server.settings().QueryWaitTimeout)
	pools.Enqueue(&w.request, s.poolKey, s.dialer.connect, w.served)
	return true
}

// CancelRequest implements engine.Host.
func (s *session) CancelRequest() bool {
	w := s.endWait(nil)
	if w != nil {
		s.server.reuse(w)
	}
	return w != nil
}

// endWait ends the session's wait, if it is still on and is w, where that is not
// nil.
func (s *session) endWait(w *queued) *queued {
	s.mu.Lock()
	defer s.mu.Unlock()
	on := s.pooled.wait
	if on == nil || w != nil && w != on || !on.request.Cancel() {
		return nil
	}
	s.pooled.wait = nil
	return on
}

func (w *queued) timeOut() {
	if w.session.endWait(w) != nil {
		w.waiter.Deliver(engine.Peer{}, w.session.queryWait())
	}
}

// take takes what the pool has had. What has to be done on the server connection
// first is done in a goroutine.
func (w *queued) take(lease *pool.Lease, err error) {
	s, want, waiter := w.session, w.want, w.waiter
	s.mu.Lock()
	s.pooled.wait = nil
	s.mu.Unlock()
	s.server.reuse(w)
	if err == nil {
		if m := lease.Memory.(*memory); s.fits(lease, m, want) {
			waiter.Deliver(s.borrowed(lease, m, nil), nil)
			return
		}
	}
	s.server.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(s.ctx, s.server.settings().ConnectTimeout)
		defer cancel()
		if err != nil {
			waiter.Deliver(engine.Peer{}, s.connectFailure(err))
			return
		}
		peer, err := s.lend(ctx, lease, want)
		if err != nil {
			err = s.connectFailure(err)
		}
		waiter.Deliver(peer, err)
	})
}

// newWait returns a wait that is nobody's.
func (s *Server) newWait() *queued {
	if w, ok := s.waits.Get().(*queued); ok {
		return w
	}
	w := &queued{}
	w.served = w.take
	w.timer = time.AfterFunc(time.Hour, w.timeOut)
	w.timer.Stop()
	return w
}

// reuse keeps a wait that is over, unless its timer has just gone off.
func (s *Server) reuse(w *queued) {
	if w.timer.Stop() {
		w.session, w.waiter = nil, nil
		s.waits.Put(w)
	}
}
