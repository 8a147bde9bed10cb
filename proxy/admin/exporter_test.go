package admin_test

import (
	"slices"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
)

// exporterColumns are what prometheus-community's pgbouncer_exporter looks for, by
// the query that it sends: labels must be text or an integer, the others numbers.
var exporterColumns = map[string]struct{ labels, numbers []string }{
	"SHOW databases;": {
		labels:  []string{"name", "host", "port", "database", "force_user", "pool_mode"},
		numbers: []string{"pool_size", "reserve_pool", "max_connections", "current_connections", "paused", "disabled"},
	},
	"SHOW stats_totals;": {
		labels: []string{"database"},
		numbers: []string{
			"query_count", "query_time", "bytes_received", "bytes_sent", "wait_time", "xact_count", "xact_time",
			"client_parse_count", "server_parse_count", "bind_count",
		},
	},
	"SHOW pools;": {
		labels: []string{"database", "user"},
		numbers: []string{
			"cl_active", "cl_active_cancel_req", "cl_waiting", "cl_waiting_cancel_req", "sv_active", "sv_active_cancel",
			"sv_being_canceled", "sv_idle", "sv_used", "sv_tested", "sv_login", "maxwait",
		},
	},
}

// Columns of the exporter's that are numbers are read as such whatever their type,
// but a label of a type that lib/pq hands on as bytes (numeric) would be refused.
func TestExporterColumns(t *testing.T) {
	t.Parallel()
	conn := dial(t, listen(t, newWorld().console()), "looker")
	ask(t, conn, "SHOW STATS") // to see whether anybody is there
	for query, want := range exporterColumns {
		got := ask(t, conn, query)
		seen := map[string]bool{}
		for i := range got.rows {
			series := ""
			for _, label := range want.labels {
				series += got.column(t, label)[i] + "\x00"
				switch got.types[slices.Index(got.names, label)] {
				case pgtype.TextOID, pgtype.Int4OID, pgtype.Int8OID:
				default:
					t.Errorf("%s label %s is of type %d", query, label, got.types[slices.Index(got.names, label)])
				}
			}
			if seen[series] {
				t.Errorf("%s two rows are the same series %q", query, series)
			}
			seen[series] = true
			for _, number := range want.numbers {
				if _, err := strconv.ParseFloat(got.column(t, number)[i], 64); err != nil {
					t.Errorf("%s %s: %v", query, number, err)
				}
			}
		}
		if len(seen) == 0 {
			t.Errorf("%s has no rows", query)
		}
	}
}

// What the exporter reads as rows of a name and a value.
func TestExporterRows(t *testing.T) {
	t.Parallel()
	conn := dial(t, listen(t, newWorld().console()), "looker")

	lists := ask(t, conn, "SHOW LISTS;")
	if len(lists.names) != 2 {
		t.Errorf("SHOW LISTS has columns %q, and must have two", lists.names)
	}
	for _, name := range []string{
		"databases", "users", "pools", "free_clients", "used_clients", "login_clients", "free_servers", "used_servers",
		"dns_names", "dns_zones", "dns_queries",
	} {
		if !hasNumber(lists, name) {
			t.Errorf("SHOW LISTS has no number %q", name)
		}
	}

	config := ask(t, conn, "SHOW CONFIG;")
	if len(config.names) != 4 {
		t.Errorf("SHOW CONFIG has columns %q, and must have four", config.names)
	}
	for _, name := range []string{"max_client_conn", "max_user_connections"} {
		if !hasNumber(config, name) {
			t.Errorf("SHOW CONFIG has no number %q", name)
		}
	}

	if version := ask(t, conn, "SHOW VERSION;"); !slices.Equal(version.names, []string{"version"}) || len(version.rows) != 1 {
		t.Errorf("SHOW VERSION is %v, and must be one column \"version\"", version)
	}
}

// hasNumber reports whether a row has this name and then a number.
func hasNumber(rows table, name string) bool {
	for _, row := range rows.rows {
		if row[0] == name {
			_, err := strconv.ParseFloat(row[1], 64)
			return err == nil
		}
	}
	return false
}
