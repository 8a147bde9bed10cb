package proxy

import (
	"time"

	"postern/catalog"
	"postern/proxy/admin"
	"postern/proxy/meter"
	"postern/proxy/relay"
)

// counter returns what counts the clients of a tenant. It outlives them and their
// pools.
func (s *Server) counter(id catalog.TenantID) *relay.Counter {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counters[id]
	if c == nil {
		c = &relay.Counter{}
		s.counters[id] = c
	}
	return c
}

// Stats returns what was counted of each tenant that has had clients here; it fits
// admin.Config.Stats.
func (s *Server) Stats() []admin.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := make([]admin.Stats, 0, len(s.counters))
	for id, c := range s.counters {
		stats = append(stats, admin.Stats{Tenant: string(id), Counters: admin.Counters{
			Transactions:    c.Transactions.Load(),
			Queries:         c.Queries.Load(),
			Received:        c.BytesIn.Load(),
			Sent:            c.BytesOut.Load(),
			TransactionTime: time.Duration(c.TransactionTime.Load()),
			QueryTime:       time.Duration(c.QueryTime.Load()),
			WaitTime:        time.Duration(c.WaitTime.Load()),
			Assignments:     c.Assignments.Load(),
			Logins:          c.Logins.Load(),
			ClientParses:    c.Parses.Load(),
			ServerParses:    c.ServerParses.Load(),
			Binds:           c.Binds.Load(),
		}})
	}
	return stats
}

// traffic is what was counted of all tenants, for the metrics.
func (s *Server) traffic() meter.Traffic {
	s.mu.Lock()
	defer s.mu.Unlock()
	total := meter.Traffic{Pins: make(map[string]int64)}
	for _, c := range s.counters {
		total.Queries += c.Queries.Load()
		total.Transactions += c.Transactions.Load()
		total.BytesIn += c.BytesIn.Load()
		total.BytesOut += c.BytesOut.Load()
		for i := range c.Pinned {
			total.Pins[relay.Pins(1<<i).String()] += c.Pinned[i].Load()
		}
	}
	return total
}
