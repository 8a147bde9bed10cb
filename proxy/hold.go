package proxy

import (
	"context"
	"time"

	"postern/catalog"
	"postern/wake"
)

// Hold takes the server connections of a tenant from its clients until release is
// called: what they ask for meanwhile waits, as under Pause, and nobody is cut off.
// It returns when each transaction has ended and idle sessions in session mode are
// parked. Sessions that keep theirs, by pins or for replication, are in the way: when
// ctx ends, the error is a *wake.BusyError, and everything is as before.
func (s *Server) Hold(ctx context.Context, t *catalog.Tenant) (release func(), err error) {
	if s.pools.Paused(t.UID) {
		return nil, &wake.BusyError{Because: []string{"a PAUSE on the admin console"}}
	}
	s.pools.Pause(t.UID)
	parked := make(map[*session]struct{})
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for s.pools.Open(t.UID) > 0 {
		s.parkFor(t.ID, parked)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			because := s.AwakeBecause(t.ID)
			for session := range parked {
				session.conversation.KeepOn()
			}
			s.pools.Resume(t.UID)
			if len(because) == 0 {
				because = []string{"clients of this proxy"}
			}
			return nil, &wake.BusyError{Because: because}
		}
	}
	return func() { s.pools.Resume(t.UID) }, nil
}

// parkFor has the tenant's sessions in session mode parked that have a server
// connection, each once.
func (s *Server) parkFor(id catalog.TenantID, parked map[*session]struct{}) {
	for _, session := range s.sessionsOf(id) {
		if _, asked := parked[session]; asked || session.kept == nil || !session.conversation.Attached() {
			continue
		}
		parked[session] = struct{}{}
		session.park()
	}
}
