package admin

import (
	"cmp"
	"context"
	"maps"
	"slices"
)

func userColumns() []column {
	return slices.Concat(text("name", "pool_mode"),
		// 1.23 and later
		integer("pool_size", "reserve_pool_size", "max_user_connections", "current_connections",
			"max_user_client_connections", "current_client_connections"),
		text("database"))
}

// userRows lists the roles that have a connection here, each under its tenant:
// roles of two tenants may have one name.
func (c *Console) userRows(context.Context) ([]row, error) {
	couples := c.couples()
	rows := make([]row, 0, len(couples))
	for _, key := range slices.SortedFunc(maps.Keys(couples), func(a, b couple) int {
		return cmp.Or(cmp.Compare(a.role, b.role), cmp.Compare(a.tenant, b.tenant))
	}) {
		p := couples[key]
		rows = append(rows, row{
			key.role, nil, nil, nil, int64(0), int64(p.Open()), int64(0), int64(p.clients + p.Waiting), key.tenant,
		})
	}
	return rows, nil
}
