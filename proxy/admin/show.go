package admin

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// view is one thing to SHOW.
type view struct {
	name    string
	columns func() []column
	rows    func(c *Console, ctx context.Context) ([]row, error)
}

// views are all of them.
func views() []view {
	return []view{
		{"CLIENTS", clientColumns, (*Console).clientRows},
		{"CONFIG", settingColumns, (*Console).settingRows},
		{"DATABASES", databaseColumns, (*Console).databaseRows},
		{"LISTS", listColumns, (*Console).listRows},
		{"MEM", memoryColumns, (*Console).memoryRows},
		{"POOLS", poolColumns, (*Console).poolRows},
		{"QUOTAS", quotaColumns, (*Console).quotaRows},
		{"SERVERS", serverColumns, (*Console).serverRows},
		{"STATE", stateColumns, (*Console).stateRows},
		{"STATS", statsColumns, (*Console).statsRows},
		{"STATS_AVERAGES", partColumns, (*Console).averageRows},
		{"STATS_TOTALS", partColumns, (*Console).sumRows},
		{"TENANTS", tenantColumns, (*Console).tenantRows},
		{"TOP", topColumns, (*Console).topRows},
		{"TOTALS", totalsColumns, (*Console).totalsRows},
		{"USERS", userColumns, (*Console).userRows},
		{"VERSION", versionColumns, (*Console).versionRows},
		{"WAKES", wakeColumns, (*Console).wakeRows},
	}
}

// notShown is what PgBouncer shows of its inside, and Postern does not have.
var notShown = [...]string{
	"ACTIVE_SOCKETS", "DNS_HOSTS", "DNS_ZONES", "FDS", "HOSTS", "PEERS", "PEER_POOLS", "SOCKETS",
}

func (s *Session) planShow(arguments statement) (*plan, error) {
	if len(arguments) == 1 && !arguments[0].quoted {
		name := strings.ToUpper(arguments[0].text)
		if name == "HELP" {
			return &plan{tag: "SHOW", notice: help()}, nil
		}
		for _, v := range views() {
			if v.name == name {
				return &plan{tag: "SHOW", columns: v.columns(), run: func(ctx context.Context) ([]row, error) {
					return v.rows(s.console, ctx)
				}}, nil
			}
		}
		if slices.Contains(notShown[:], name) {
			return nil, notSupported("SHOW "+name, "SHOW CLIENTS and SHOW SERVERS list the connections.")
		}
	}
	return nil, syntaxError("unknown command %q", shorten("SHOW "+arguments.String()))
}

func viewNames() string {
	names := []string{"HELP"}
	for _, v := range views() {
		names = append(names, v.name)
	}
	return strings.Join(names, "|")
}

// help returns the commands as PgBouncer lists them: in a notice.
func help() *pgproto3.NoticeResponse {
	var b strings.Builder
	for _, c := range commands() {
		if !c.unlisted {
			b.WriteString("\n\t" + strings.TrimRight(c.keyword+" "+c.usage, " "))
		}
	}
	return &pgproto3.NoticeResponse{
		Severity: "NOTICE", SeverityUnlocalized: "NOTICE", Code: "00000", Message: "Console usage", Detail: b.String(),
	}
}
