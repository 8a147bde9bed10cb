package admin

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Quota is one limit of a tenant and what of it is used.
type Quota struct {
	Tenant, Key, Period string
	Limit, Used         int64
	// ResetsAt is when Used begins at 0 again, zero for never.
	ResetsAt time.Time
	// Action is what happens at the limit.
	Action string
}

func quotaColumns() []column {
	return slices.Concat(text("tenant", "key", "period"), bigint("limit", "used"), text("resets_at", "action"))
}

func (c *Console) quotaRows(ctx context.Context) ([]row, error) {
	if c.config.Quotas == nil {
		return nil, nil
	}
	quotas, err := c.config.Quotas(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(quotas, func(a, b Quota) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Period, b.Period))
	})
	rows := make([]row, 0, len(quotas))
	for _, q := range quotas {
		rows = append(rows, row{q.Tenant, q.Key, q.Period, q.Limit, q.Used, timestamp(q.ResetsAt), q.Action})
	}
	return rows, nil
}
