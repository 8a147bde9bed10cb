package admin

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// topTenants is how many SHOW TOP lists.
const topTenants = 20

func topColumns() []column {
	return slices.Concat(text("tenant"),
		bigint("query_us_per_second", "queries_per_second", "transactions_per_second", "received_per_second", "sent_per_second"),
		integer("clients", "clients_waiting", "servers"))
}

// topRows lists the tenants whose queries take the most time at present.
func (c *Console) topRows(context.Context) ([]row, error) {
	stats, recent := c.stats()
	slices.SortStableFunc(stats, func(a, b Stats) int { // they are sorted by name
		x, y := recent[a.Tenant], recent[b.Tenant]
		return cmp.Or(cmp.Compare(y.QueryTime, x.QueryTime), cmp.Compare(y.Queries, x.Queries), cmp.Compare(y.Sent, x.Sent))
	})
	uses := c.uses()
	var rows []row
	for _, s := range stats[:min(len(stats), topTenants)] {
		g, use := recent[s.Tenant], uses[s.Tenant]
		rows = append(rows, row{
			s.Tenant, g.perSecond(int64(g.QueryTime / time.Microsecond)), g.perSecond(g.Queries), g.perSecond(g.Transactions),
			g.perSecond(g.Received), g.perSecond(g.Sent), int64(use.clients), int64(use.waiting), int64(use.servers),
		})
	}
	return rows, nil
}
