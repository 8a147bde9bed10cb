package admin

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Stats are the counters of one tenant.
type Stats struct {
	Tenant string
	Counters
}

// counter is one of the Counters.
type counter struct {
	// part is its name in SHOW STATS_TOTALS and STATS_AVERAGES.
	part string
	// total and average are its names elsewhere.
	total, average label
	// recent: PgBouncer 1.18 did not have it.
	recent bool
	value  func(Counters) int64
	// per is what the average is a mean over; nil for an average per second.
	per func(Counters) int64
}

// label is what PgBouncer calls a number in SHOW STATS and in SHOW TOTALS.
type label struct{ stats, totals string }

// counters are all of them in PgBouncer's order.
func counters() []counter {
	transactions := func(c Counters) int64 { return c.Transactions }
	queries := func(c Counters) int64 { return c.Queries }
	assignments := func(c Counters) int64 { return c.Assignments }
	return []counter{
		named("xact_count", transactions, nil),
		named("query_count", queries, nil),
		{
			part:    "bytes_received",
			total:   label{"total_received", "total_client_bytes"},
			average: label{"avg_recv", "avg_client_bytes"},
			value:   func(c Counters) int64 { return c.Received },
		},
		{
			part:    "bytes_sent",
			total:   label{"total_sent", "total_server_bytes"},
			average: label{"avg_sent", "avg_server_bytes"},
			value:   func(c Counters) int64 { return c.Sent },
		},
		named("xact_time", func(c Counters) int64 { return c.TransactionTime.Microseconds() }, transactions),
		named("query_time", func(c Counters) int64 { return c.QueryTime.Microseconds() }, queries),
		named("wait_time", func(c Counters) int64 { return c.WaitTime.Microseconds() }, assignments),
		recent(named("server_assignment_count", assignments, nil)),
		recent(named("client_login_count", func(c Counters) int64 { return c.Logins }, nil)),
		recent(named("client_parse_count", func(c Counters) int64 { return c.ClientParses }, nil)),
		recent(named("server_parse_count", func(c Counters) int64 { return c.ServerParses }, nil)),
		recent(named("bind_count", func(c Counters) int64 { return c.Binds }, nil)),
	}
}

// named returns the counter whose names follow the rule.
func named(part string, value, per func(Counters) int64) counter {
	total, average := "total_"+part, "avg_"+part
	return counter{part: part, total: label{total, total}, average: label{average, average}, value: value, per: per}
}

func recent(c counter) counter {
	c.recent = true
	return c
}

// statistic is a counter's total or its average.
type statistic struct {
	label
	counter  counter
	averaged bool
}

// statistics are the columns of SHOW STATS: 1.18's totals, its averages, and then
// what came later.
func statistics() []statistic {
	var all []statistic
	for _, recent := range []bool{false, true} {
		for _, averaged := range []bool{false, true} {
			for _, c := range counters() {
				switch {
				case c.recent != recent:
				case averaged:
					all = append(all, statistic{c.average, c, true})
				default:
					all = append(all, statistic{c.total, c, false})
				}
			}
		}
	}
	return all
}

// of returns the statistic's value of what was counted, and of its recent growth.
func (s statistic) of(total Counters, recent growth) int64 {
	if s.averaged {
		return recent.average(s.counter)
	}
	return s.counter.value(total)
}

func statsColumns() []column {
	columns := text("database")
	for _, s := range statistics() {
		columns = append(columns, numeric(s.stats)...)
	}
	return columns
}

func (c *Console) statsRows(context.Context) ([]row, error) {
	return c.statisticRows(statistics()), nil
}

// partColumns are those of SHOW STATS_TOTALS and STATS_AVERAGES.
func partColumns() []column {
	columns := text("database")
	for _, c := range counters() {
		columns = append(columns, numeric(c.part)...)
	}
	return columns
}

func (c *Console) sumRows(context.Context) ([]row, error) { return c.statisticRows(part(false)), nil }
func (c *Console) averageRows(context.Context) ([]row, error) {
	return c.statisticRows(part(true)), nil
}

// part returns the totals, or the averages, in the order of counters.
func part(averaged bool) []statistic {
	return slices.DeleteFunc(statistics(), func(s statistic) bool { return s.averaged != averaged })
}

// statisticRows has a row for each tenant.
func (c *Console) statisticRows(statistics []statistic) []row {
	stats, recent := c.stats()
	rows := make([]row, 0, len(stats))
	for _, s := range stats {
		r := row{s.Tenant}
		for _, statistic := range statistics {
			r = append(r, statistic.of(s.Counters, recent[s.Tenant]))
		}
		rows = append(rows, r)
	}
	return rows
}

func totalsColumns() []column { return slices.Concat(text("name"), numeric("value")) }

// totalsRows has a row for each statistic, over all tenants.
func (c *Console) totalsRows(context.Context) ([]row, error) {
	stats, recent := c.stats()
	var total Counters
	var all growth
	for _, s := range stats {
		total = total.plus(s.Counters)
		all.Counters = all.plus(recent[s.Tenant].Counters)
		all.over = recent[s.Tenant].over
	}
	var rows []row
	for _, s := range statistics() {
		rows = append(rows, row{s.totals, s.of(total, all)})
	}
	return rows, nil
}

// stats returns the counters by tenant, and how they grew of late.
func (c *Console) stats() ([]Stats, map[string]growth) {
	if c.config.Stats == nil {
		return nil, nil
	}
	stats := c.config.Stats()
	slices.SortFunc(stats, func(a, b Stats) int { return cmp.Compare(a.Tenant, b.Tenant) })
	return stats, c.averages.growth(time.Now(), c.config.StatsPeriod, stats)
}
