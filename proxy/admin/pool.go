package admin

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

// Pool is the server connections of one tenant, role and database, and the
// clients that wait for one.
type Pool struct {
	Tenant, Role, Database string
	PoolMode               string
	// Active are lent, Idle can be, Tested are being reset or looked at, New are
	// logging in, BeingCanceled wait for a cancel request to end.
	Active, Idle, Tested, New, BeingCanceled int
	// Waiting are clients, and OldestWait how long the first of them has waited.
	Waiting    int
	OldestWait time.Duration
	// CancelsActive are cancel requests under way, CancelsWaiting those that are
	// not passed on yet.
	CancelsActive, CancelsWaiting int
}

// Open is how many server connections p has.
func (p Pool) Open() int { return p.Active + p.Idle + p.Tested + p.New + p.BeingCanceled }

// couple is what PgBouncer has a pool for. Exporters take (database, user) for
// unique, so pools that differ in Postgres's database alone are shown as one.
type couple struct{ tenant, role string }

// coupled is what is shown of a couple.
type coupled struct {
	Pool
	clients   int // that do not wait
	databases []string
}

func poolColumns() []column {
	return slices.Concat(
		text("database", "user"),
		integer("cl_active", "cl_waiting", "cl_active_cancel_req", "cl_waiting_cancel_req",
			"sv_active", "sv_active_cancel", "sv_being_canceled", "sv_idle", "sv_used", "sv_tested", "sv_login",
			"maxwait", "maxwait_us"),
		text("pool_mode"),
		text("load_balance_hosts"), // 1.24
		text("dbname"),
	)
}

func (c *Console) poolRows(context.Context) ([]row, error) {
	couples := c.couples()
	rows := make([]row, 0, len(couples))
	for _, key := range slices.SortedFunc(maps.Keys(couples), func(a, b couple) int {
		return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.role, b.role))
	}) {
		p := couples[key]
		seconds, microseconds := split(p.OldestWait)
		slices.Sort(p.databases)
		rows = append(rows, row{
			key.tenant, key.role,
			int64(p.clients), int64(p.Waiting), int64(p.CancelsActive), int64(p.CancelsWaiting),
			int64(p.Active), int64(p.CancelsActive), int64(p.BeingCanceled), int64(p.Idle), int64(0), int64(p.Tested), int64(p.New),
			seconds, microseconds, p.PoolMode, nil, strings.Join(slices.Compact(p.databases), ","),
		})
	}
	return rows, nil
}

// couples sums up pools and clients. A client that needs no server connection may
// belong to a couple that has no pool.
func (c *Console) couples() map[couple]*coupled {
	all := map[couple]*coupled{}
	of := func(tenant, role, database, mode string) *coupled {
		key := couple{tenant, role}
		if all[key] == nil {
			all[key] = &coupled{}
		}
		sum := all[key]
		sum.PoolMode = cmp.Or(sum.PoolMode, mode)
		sum.databases = append(sum.databases, database)
		return sum
	}
	for _, p := range c.pools() {
		sum := of(p.Tenant, p.Role, p.Database, p.PoolMode)
		sum.Active += p.Active
		sum.Idle += p.Idle
		sum.Tested += p.Tested
		sum.New += p.New
		sum.BeingCanceled += p.BeingCanceled
		sum.Waiting += p.Waiting
		sum.OldestWait = max(sum.OldestWait, p.OldestWait)
		sum.CancelsActive += p.CancelsActive
		sum.CancelsWaiting += p.CancelsWaiting
	}
	for _, client := range c.clients() {
		if client.Tenant == "" || client.State == ClientLogin {
			continue
		}
		sum := of(client.Tenant, client.Role, client.Database, client.PoolMode)
		switch {
		case client.State != ClientWaiting:
			sum.clients++
		case client.PoolMode == "session": // in no pool's queue
			sum.Waiting++
			sum.OldestWait = max(sum.OldestWait, client.Waiting)
		}
	}
	return all
}

// pools returns the pools, none where nobody knows them.
func (c *Console) pools() []Pool {
	if c.config.Connections == nil {
		return nil
	}
	return c.config.Connections.Pools()
}
