package admin_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/admin"
)

// table is a result as a client that knows nothing of types sees it.
type table struct {
	names []string
	types []uint32
	rows  [][]string
}

func show(t testing.TB, conn *pgconn.PgConn, name string) table {
	t.Helper()
	return ask(t, conn, "SHOW "+name)
}

// ask returns the answer to a query.
func ask(t testing.TB, conn *pgconn.PgConn, query string) table {
	t.Helper()
	results, err := conn.Exec(context.Background(), query).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	var got table
	for _, field := range results[0].FieldDescriptions {
		got.names = append(got.names, field.Name)
		got.types = append(got.types, field.DataTypeOID)
	}
	for _, values := range results[0].Rows {
		var row []string
		for _, value := range values {
			row = append(row, string(value))
		}
		got.rows = append(got.rows, row)
	}
	return got
}

// column returns the values of a column by name.
func (got table) column(t testing.TB, name string) []string {
	t.Helper()
	for i, n := range got.names {
		if n == name {
			var values []string
			for _, row := range got.rows {
				values = append(values, row[i])
			}
			return values
		}
	}
	t.Errorf("there is no column %q", name)
	return nil
}

// shown are the things to show, as SHOW HELP lists them, without itself.
func shown(t testing.TB, conn *pgconn.PgConn) []string {
	t.Helper()
	var names []string
	for line := range strings.Lines(helpOf(t, conn)) {
		if list, ok := strings.CutPrefix(strings.TrimSpace(line), "SHOW HELP|"); ok {
			names = strings.Split(list, "|")
		}
	}
	if len(names) < 18 {
		t.Fatalf("SHOW HELP lists %q", names)
	}
	return names
}

// helpOf returns the notice of SHOW HELP.
func helpOf(t testing.TB, conn *pgconn.PgConn) string {
	t.Helper()
	frontend := conn.Frontend()
	frontend.SendQuery(&pgproto3.Query{String: "SHOW HELP"})
	if err := frontend.Flush(); err != nil {
		t.Fatal(err)
	}
	var detail string
	for {
		message, err := frontend.Receive()
		if err != nil {
			t.Fatal(err)
		}
		switch m := message.(type) {
		case *pgproto3.NoticeResponse:
			detail = m.Detail
		case *pgproto3.ReadyForQuery:
			return detail
		}
	}
}

func TestShow(t *testing.T) {
	t.Parallel()
	conn := dial(t, listen(t, newWorld().console()), "admin")
	for _, test := range []struct {
		name, column string
		want         string // the values joined by commas
	}{
		{"VERSION", "version", "Postern 0.3.0 (PgBouncer 1.25.0)"},
		{"CONFIG", "key", "max_client_conn,wake.idle_timeout,max_user_connections"},
		{"CONFIG", "changeable", "yes,no,no"},
		{"DATABASES", "name", "acme,zoo"},
		{"DATABASES", "host", "/run/acme,"},
		{"DATABASES", "pool_size", "20,20"},
		{"DATABASES", "reserve_pool", "3,0"},
		{"DATABASES", "reserve_pool_size", "3,0"},
		{"DATABASES", "current_connections", "2,0"},
		{"DATABASES", "current_client_connections", "3,0"},
		{"POOLS", "database", "acme"}, // two pools of Postgres databases, one couple
		{"POOLS", "user", "app"},
		{"POOLS", "cl_active", "2"},
		{"POOLS", "cl_waiting", "1"},
		{"POOLS", "sv_active", "1"},
		{"POOLS", "sv_idle", "1"},
		{"POOLS", "maxwait", "2"},
		{"POOLS", "maxwait_us", "500000"},
		{"POOLS", "dbname", "app,reports"},
		{"CLIENTS", "id", "1,2,3,4"},
		{"CLIENTS", "addr", "192.0.2.7,unix,192.0.2.7,192.0.2.7"},
		{"CLIENTS", "port", "1001,0,1003,1004"},
		{"CLIENTS", "local_port", "6432,0,6432,6432"},
		{"CLIENTS", "state", "active,idle,waiting,login"},
		{"CLIENTS", "connect_time", strings.TrimSuffix(strings.Repeat("2026-01-02 03:04:05 UTC,", 4), ",")},
		{"CLIENTS", "wait", "0,0,2,0"},
		{"CLIENTS", "ptr", "c1,c2,c3,c4"},
		{"CLIENTS", "link", "s7,,,"},
		{"CLIENTS", "replication", "none,none,none,none"},
		{"CLIENTS", "dbname", "app,app,reports,"},
		{"SERVERS", "ptr", "s7,s8"},
		{"SERVERS", "link", "c1,"},
		{"SERVERS", "remote_pid", "4711,4712"},
		{"STATS", "database", "acme,zoo"},
		{"STATS", "total_query_time", "2000000,0"},
		{"STATS", "total_bind_count", "9,0"},
		{"STATS", "avg_query_time", "100000,0"},
		{"STATS_TOTALS", "bytes_received", "1000,0"},
		{"STATS_AVERAGES", "wait_time", "100000,0"},
		{"TOTALS", "name", "total_xact_count,total_query_count,total_client_bytes,total_server_bytes,total_xact_time,total_query_time,total_wait_time," +
			"avg_xact_count,avg_query_count,avg_client_bytes,avg_server_bytes,avg_xact_time,avg_query_time,avg_wait_time," +
			"total_server_assignment_count,total_client_login_count,total_client_parse_count,total_server_parse_count,total_bind_count," +
			"avg_server_assignment_count,avg_client_login_count,avg_client_parse_count,avg_server_parse_count,avg_bind_count"},
		{"LISTS", "items", "2,1,1,0,4,1,0,2,0,0,0,0"},
		{"USERS", "name", "app"},
		{"USERS", "current_connections", "2"},
		{"MEM", "name", "heap,stacks,runtime"},
		{"STATE", "value", "yes,no,no"},
		{"TENANTS", "tenant", "acme,zoo"},
		{"TENANTS", "awake_because", "a client at work,"},
		{"TENANTS", "clients_waiting", "1,0"},
		{"TOP", "tenant", "acme,zoo"},
		{"WAKES", "duration_us", "35000"},
		{"QUOTAS", "limit", "100"},
	} {
		if got := strings.Join(show(t, conn, test.name).column(t, test.column), ","); got != test.want {
			t.Errorf("SHOW %s, %s: %s, want %s", test.name, test.column, got, test.want)
		}
	}
	if got := show(t, conn, "TOTALS").rows[1][1]; got != "21" {
		t.Errorf("queries of all tenants: %s", got)
	}
}

func TestStateWhilePaused(t *testing.T) {
	t.Parallel()
	w := newWorld()
	conn := dial(t, listen(t, w.console()), "admin")
	w.change(func() { w.paused = true })
	if got := show(t, conn, "STATE").rows; fmt.Sprint(got) != "[[active no] [paused yes] [suspended no]]" {
		t.Errorf("got %v", got)
	}
}

// SHOW HELP lists every command that is for people, with what follows it.
func TestHelp(t *testing.T) {
	t.Parallel()
	help := helpOf(t, dial(t, listen(t, newWorld().console()), "looker"))
	for _, want := range []string{"PAUSE [<tenant>]", "KILL_CLIENT <id>", "SHUTDOWN [WAIT_FOR_SERVERS|WAIT_FOR_CLIENTS]", "RELOAD\n"} {
		if !strings.Contains(help, "\n\t"+want) {
			t.Errorf("%q is missing in %s", want, help)
		}
	}
}

// Averages span one to two periods, however often somebody looks.
func TestAverages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var queries int64
		console := admin.New(admin.Config{
			StatsPeriod: time.Minute,
			Stats: func() []admin.Stats {
				return []admin.Stats{{Tenant: "acme", Counters: admin.Counters{Queries: queries, QueryTime: time.Duration(queries) * time.Millisecond}}}
			},
		})
		look := func() string {
			t.Helper()
			got := show(t, bubbled(t, console, "").PgConn(), "STATS_AVERAGES")
			return got.column(t, "query_count")[0] + " " + got.column(t, "query_time")[0]
		}
		for _, step := range []struct {
			after time.Duration
			more  int64
			want  string
		}{
			{0, 0, "0 0"},
			{15 * time.Second, 150, "10 1000"}, // since the start
			{45 * time.Second, 0, "2 1000"},    // 150 in a minute; a sample is taken
			{15 * time.Second, 0, "2 1000"},    // 150 in 75 s
			{45 * time.Second, 600, "10 1000"}, // the last minute; the next sample
			{time.Hour, 0, "0 0"},              // nobody has looked, nothing was done
		} {
			time.Sleep(step.after)
			queries += step.more
			if got := look(); got != step.want {
				t.Errorf("after %s and %d more: %s, want %s", step.after, step.more, got, step.want)
			}
		}
		queries = 6 // counted anew
		time.Sleep(time.Second)
		if got := look(); !strings.HasSuffix(got, " 1000") {
			t.Errorf("after a restart of the counters: %s", got)
		}
	})
}

// The results are the same by the simple protocol and by the extended one, in text
// and in binary.
func TestBinary(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		console := newWorld().console()
		simple := bubbled(t, console, "default_query_exec_mode=simple_protocol")
		names := shown(t, simple.PgConn())
		for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec"} {
			conn := bubbled(t, console, "default_query_exec_mode="+mode)
			for _, name := range names {
				if name == "MEM" {
					continue // never twice the same
				}
				want := collect(t, simple, "SHOW "+name)
				for range 2 { // the second time by the statement that was prepared
					if got := collect(t, conn, "SHOW "+name); got != want {
						t.Errorf("SHOW %s, %s: %s, want %s", name, mode, got, want)
					}
				}
			}
			if _, err := conn.Exec(t.Context(), "PAUSE zoo"); err != nil {
				t.Errorf("%s: %v", mode, err)
			}
			if err := conn.Ping(t.Context()); err != nil {
				t.Errorf("%s: %v", mode, err)
			}
		}
	})
}

func collect(t *testing.T, conn *pgx.Conn, query string) string {
	t.Helper()
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToMap)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return fmt.Sprint(all)
}
