package e2e

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// The queries of prometheus-community's pgbouncer_exporter, word for word, to a
// Postern at work; package admin's tests have what it makes of the columns.
func TestExporter(t *testing.T) {
	t.Parallel()
	m := startFleetMember(t, "")
	c := m.client(t)
	defer c.Close()
	c.Query("select 1")
	c.ReadUntilReady()
	console := m.mustConsole(t, "looker")
	scrape := func(query string) *pgconn.Result {
		t.Helper()
		results, err := console.Exec(t.Context(), query).ReadAll()
		if err != nil || len(results) != 1 {
			t.Fatalf("%s: %d results, %v", query, len(results), err)
		}
		return results[0]
	}
	for _, query := range []string{"SHOW STATS", "SHOW VERSION;", "SHOW LISTS;", "SHOW CONFIG;", "SHOW databases;", "SHOW stats_totals;", "SHOW pools;"} {
		scrape(query)
	}
	labels := func(r *pgconn.Result, names ...string) map[string]string {
		found := map[string]string{}
		for i, field := range r.FieldDescriptions {
			if slices.Contains(names, field.Name) {
				found[field.Name] = string(r.Rows[0][i])
			}
		}
		return found
	}
	pool := labels(scrape("SHOW pools;"), "database", "user", "cl_active", "cl_waiting", "sv_idle", "pool_mode")
	if pool["database"] != "acme" || pool["user"] != "app" || pool["cl_active"] != "1" || pool["cl_waiting"] != "0" ||
		pool["sv_idle"] != "1" || pool["pool_mode"] != "transaction" {
		t.Errorf("the pool is %v", pool)
	}
	if _, err := m.mustConsole(t, "ops").Exec(t.Context(), "PAUSE acme").ReadAll(); err != nil {
		t.Fatal(err)
	}
	database := labels(scrape("SHOW databases;"), "name", "host", "paused", "disabled", "current_connections", "pool_size")
	if database["name"] != "acme" || database["paused"] != "1" || database["disabled"] != "0" || database["current_connections"] != "0" ||
		database["pool_size"] != "20" {
		t.Errorf("the database is %v", database)
	}
	if _, err := m.mustConsole(t, "ops").Exec(t.Context(), "RESUME").ReadAll(); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"PAUSE", "PAUSE acme", "RESUME", "KILL", "KILL acme", "RELOAD", "SHUTDOWN", "SHUTDOWN WAIT_FOR_CLIENTS"} {
		if _, err := console.Exec(t.Context(), command).ReadAll(); codeOf(err) != "42501" { // CVE-2026-6667
			t.Errorf("%s: %v", command, err)
		}
	}
}
