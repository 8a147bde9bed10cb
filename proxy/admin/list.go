package admin

import (
	"context"
	"slices"
)

func listColumns() []column { return slices.Concat(text("list"), integer("items")) }

// listRows counts things. Nothing here is kept for later use, and no names are
// looked up in DNS ahead, so the counts of that are 0.
func (c *Console) listRows(ctx context.Context) ([]row, error) {
	tenants, _, err := c.tenants(ctx)
	if err != nil {
		return nil, err
	}
	var login int
	clients := c.clients()
	for _, client := range clients {
		if client.State == ClientLogin {
			login++
		}
	}
	var servers int
	couples := c.couples()
	for _, p := range couples {
		servers += p.Open()
	}
	var rows []row
	for _, list := range []struct {
		name  string
		items int
	}{
		{"databases", len(tenants)},
		{"users", len(couples)},
		{"pools", len(couples)},
		{"free_clients", 0},
		{"used_clients", len(clients)},
		{"login_clients", login},
		{"free_servers", 0},
		{"used_servers", servers},
		{"dns_names", 0},
		{"dns_zones", 0},
		{"dns_queries", 0},
		{"dns_pending", 0},
	} {
		rows = append(rows, row{list.name, int64(list.items)})
	}
	return rows, nil
}
