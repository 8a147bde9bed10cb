package proxy

import (
	"context"
	"fmt"
	"sync"
	"time"

	"postern/proxy/engine"
	"postern/proxy/wire"
)

// Limits bound what clients may hold for long; 0 is no bound. They are looked after
// in passing: a client may have up to an eighth more, or a second if that is less.
type Limits struct {
	// ClientIdle bounds how long a client may do nothing between transactions; the
	// session ends then with 57P05. PgBouncer's client_idle_timeout.
	ClientIdle time.Duration
	// IdleTransaction bounds how long a client may do nothing in a transaction; the
	// session ends then with 25P03. PgBouncer's idle_transaction_timeout.
	IdleTransaction time.Duration
	// Transaction bounds how long a transaction may take; the session ends then with
	// 25P04. PgBouncer's transaction_timeout.
	Transaction time.Duration
	// Query bounds how long a client may wait for the end of its statement; that is
	// canceled then, and the session kept. Waiting for a server connection counts.
	// PgBouncer's query_timeout, which ends the session.
	Query time.Duration
}

// bounds are those that are set.
func (l Limits) bounds() (set []time.Duration) {
	for _, d := range []time.Duration{l.ClientIdle, l.IdleTransaction, l.Transaction, l.Query} {
		if d > 0 {
			set = append(set, d)
		}
	}
	return set
}

// pause is how long to wait between two looks.
func (l Limits) pause() time.Duration {
	pause := time.Second
	for _, d := range l.bounds() {
		pause = min(pause, max(d/8, time.Millisecond))
	}
	return pause
}

func errLimit(code, setting, what string) *wire.Error {
	return &wire.Error{
		Code: code, Kind: setting, Message: fmt.Sprintf("terminating connection due to %s", what),
		Hint: "The proxy's limits." + setting + " has passed.",
	}
}

// exceeded returns why a session has to end, nil if it has not.
func (l Limits) exceeded(d engine.Doing) *wire.Error {
	switch {
	case l.Transaction > 0 && d.Transaction > l.Transaction:
		return errLimit(wire.TransactionTimeout, "transaction_timeout", "transaction timeout")
	case l.IdleTransaction > 0 && d.Phase == engine.IdleInTransaction && d.For > l.IdleTransaction:
		return errLimit(wire.IdleTransactionTimeout, "idle_transaction_timeout", "idle-in-transaction timeout")
	case l.ClientIdle > 0 && d.Phase == engine.Idle && d.For > l.ClientIdle:
		return errLimit(wire.IdleSessionTimeout, "client_idle_timeout", "idle-session timeout")
	}
	return nil
}

// keepLimits looks after the limits until the server ends.
func (s *Server) keepLimits() {
	defer close(s.limitsKept)
	var errands sync.WaitGroup
	defer errands.Wait()
	done := make(map[*session]enforced)
	for sleep(s.life, s.settings().Limits.pause()) {
		if limits := s.settings().Limits; len(limits.bounds()) > 0 {
			s.enforce(limits, done, &errands)
		}
	}
}

// enforced is when a session was last told to end, or its statement.
type enforced struct{ ended, canceled time.Time }

// enforce looks at every client once. What takes time is an errand.
func (s *Server) enforce(limits Limits, done map[*session]enforced, errands *sync.WaitGroup) {
	for session := range done {
		if session.over.Load() {
			delete(done, session)
		}
	}
	now := time.Now()
	for _, session := range s.greeted() {
		doing := session.conversation.Doing()
		if err := limits.exceeded(doing); err != nil {
			switch {
			case doing.Phase == engine.Idle:
				session.conversation.EndIfIdle(err)
			case now.Sub(done[session].ended) > cancelTimeout: // else it is being ended
				done[session] = enforced{ended: now}
				errands.Go(func() { session.endBusy(err, doing) })
			}
			continue
		}
		waits := doing.Phase == engine.Querying || doing.Phase == engine.Waiting
		if limits.Query == 0 || !waits || doing.For < limits.Query || now.Sub(done[session].canceled) < limits.Query {
			continue
		}
		done[session] = enforced{canceled: now}
		errands.Go(func() {
			ctx, cancel := context.WithTimeout(s.life, cancelTimeout)
			defer cancel()
			session.cancelStatement(ctx, errQueryTimeout)
		})
	}
}

// errQueryTimeout is for a statement that has waited for a server connection for as
// long; one that runs gets PostgreSQL's own words.
var errQueryTimeout = &wire.Error{
	Code: wire.QueryCanceled, Message: "canceling statement due to query_timeout", Kind: "query_timeout",
	Hint: "The proxy's limits.query_timeout has passed.",
}

// endBusy ends a session that is in a transaction: its statement is canceled first,
// so that it does not run on with nobody to wait for it.
func (s *session) endBusy(err *wire.Error, doing engine.Doing) {
	if doing.Phase == engine.Querying {
		ctx, cancel := context.WithTimeout(s.server.life, cancelTimeout)
		defer cancel()
		s.cancelStatement(ctx, err)
	}
	s.end(err)
}

// greeted returns the sessions that have a conversation.
func (s *Server) greeted() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*session, 0, len(s.sessions))
	for _, members := range s.tenants {
		for member := range members {
			all = append(all, member)
		}
	}
	return all
}
