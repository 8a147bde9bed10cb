package proxy

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"postern/catalog"
	"postern/proxy/engine"
	"postern/proxy/pool"
	"postern/proxy/relay"
)

// A session in session mode is parked when its tenant is to sleep: what it has on its
// server connection is asked for, and if that is only what another can be given, the
// connection goes back and the client stays. Its next message gets it another.

// Park implements engine.Host.
func (s *session) Park(ctx context.Context, peer engine.Peer, parting relay.Parting, early []byte) (engine.Answer, bool, error) {
	lease := peer.Lease.(*pool.Lease)
	if pins := parting.Pins(); pins != 0 {
		s.kept.stay(pins)
		return engine.Answer{Behind: early}, false, nil
	}
	parameters := lease.Memory.(*memory).parameters
	answer, err := s.Ask(ctx, peer, parting.Question(slices.Collect(maps.Keys(parameters))), early)
	var pins relay.Pins
	var keepsake relay.Keepsake
	switch {
	case errors.Is(err, engine.ErrRefused):
		pins = relay.PinUnconfirmed
	case err != nil:
		return answer, false, farewell(err)
	default:
		keepsake, pins = parting.Keepsake(answer.Rows)
	}
	if len(answer.Behind) > 0 { // the server says something else
		pins |= relay.PinUnconfirmed
	}
	if pins != 0 {
		s.kept.stay(pins)
		return s.unpark(ctx, lease, parting, answer)
	}
	s.kept.keepsake = &keepsake
	lease.Disregard()                            // that it is given back is no work of the tenant's
	s.Release(peer, engine.Return{Broken: true}) // which is closed at once: nobody is to need it soon
	return answer, true, nil
}

// unpark undoes what the question has done to the session.
func (s *session) unpark(ctx context.Context, lease *pool.Lease, parting relay.Parting, answer engine.Answer) (engine.Answer, bool, error) {
	if parting.Unnamed == nil {
		return answer, false, nil
	}
	asides, err := lease.Prepare(ctx, parting.Unnamed, answer.Behind)
	answer.Asides = append(answer.Asides, asides...)
	answer.Behind, lease.Early = lease.Early, nil
	if broken(err) {
		return answer, false, farewell(err)
	}
	return answer, false, nil
}

// broken reports whether err is more than a statement that has failed.
func broken(err error) bool {
	var failed *pool.QueryError
	return err != nil && !errors.As(err, &failed)
}

// farewell is err, with what the server itself has said at its end as the client's
// last words.
func farewell(err error) error {
	var refused *pool.RefusedError
	if errors.As(err, &refused) {
		return &engine.LastWords{Message: refused.Message, Err: err}
	}
	return err
}

// resume makes a server connection the one that the parked session has had, and
// returns what the client has to be told. After an error the connection is of no more
// use, unless isSettingsRefused.
func (k *kept) resume(ctx context.Context, lease *pool.Lease, m *memory) (ahead []byte, err error) {
	now := maps.Clone(m.parameters)
	said := lease.Early
	if k.keepsake.Settings != (relay.Settings{}) {
		var asides []byte
		_, asides, err = lease.Ask(ctx, k.keepsake.Settings.From(relay.Settings{}), said)
		var refused *pool.QueryError
		if errors.As(err, &refused) {
			return nil, settingsRefused(refused)
		}
		readStatus(now, asides)
		said = lease.Early
	}
	if err == nil && k.keepsake.Parse != nil {
		var asides []byte
		asides, err = lease.Prepare(ctx, k.keepsake.Parse, said)
		readStatus(now, asides)
		said = lease.Early
	}
	if broken(err) {
		return nil, err
	}
	lease.Early = nil
	ahead = differing(k.keepsake.Told, now)
	return append(append(ahead, lease.Notices...), said...), nil
}

// park has the session parked as soon as it is between transactions, if it can be.
func (s *session) park() {
	s.kept.stays.Store(nil)
	if c, ok := s.conversation.(*engine.Conversation); ok {
		c.Park()
	}
}

// stay notes why the session cannot be parked.
func (k *kept) stay(pins relay.Pins) { k.stays.Store(&stay{pins, time.Now()}) }

// pins are why the session keeps its server connection between transactions, as far
// as that is known: in session mode, if it was asked for since the session is idle.
func (s *session) pins() relay.Pins {
	if s.kept == nil {
		return s.conversation.Pins()
	}
	doing, stays := s.conversation.Doing(), s.kept.stays.Load()
	if stays == nil || doing.Phase != engine.Idle || time.Since(stays.found) > doing.For {
		return 0
	}
	return stays.pins
}

// Park implements wake.Clients: it parks the sessions in session mode that keep the
// tenant awake, if nobody else does and all of them have been idle for so long, and
// reports whether there are any. Those that cannot be parked stay, and are pinned.
func (s *Server) Park(t *catalog.Tenant, idle time.Duration) bool {
	idlers := s.idlers(t, idle, func(session *session) bool { return session.kept != nil && session.pins() == 0 })
	for _, session := range idlers {
		session.park()
	}
	return len(idlers) > 0
}
