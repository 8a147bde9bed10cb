package proxy_test

import (
	"testing"

	"postern/proxy"
	"postern/proxy/pgtest"
	"postern/proxy/pool"
)

// What drivers and frameworks send before anything else keeps no server connection:
// it would keep one for everybody.
func TestStartupStatementsPinNobody(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	for name, statements := range map[string][]string{
		"pgjdbc":     {"SET extra_float_digits = 3", "SET application_name = 'PostgreSQL JDBC Driver'", "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE"},
		"psycopg2":   {"SET datestyle TO 'ISO'", "BEGIN", "COMMIT"},
		"asyncpg":    {"SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;"},
		"Django":     {"SELECT set_config('TimeZone', 'UTC', false)", "SELECT set_config('client_encoding', 'UTF8', false)"},
		"Rails":      {"SET client_min_messages TO 'warning'", "SET standard_conforming_strings = on", "SET SESSION timezone TO 'UTC'", "SET intervalstyle = iso_8601", "SHOW max_identifier_length"},
		"SQLAlchemy": {"select pg_catalog.version()", "select current_schema()", "show standard_conforming_strings", "show transaction isolation level"},
		"Hibernate":  {"set search_path to public", "SET SESSION statement_timeout TO 30000"},
		"node pg":    {"SET search_path TO public;SET statement_timeout = 1000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for how, send := range map[string]func(c *pgtest.Client, sql string){
				"simple": func(c *pgtest.Client, sql string) { c.Query(sql) },
				"extended": func(c *pgtest.Client, sql string) {
					c.Parse("", sql)
					c.Bind("", "")
					c.Execute("", 0)
					c.Sync()
				},
			} {
				if how == "extended" && (name == "asyncpg" || name == "node pg") {
					continue // several statements in one are for simple queries
				}
				w := newWorld(t, pg, func(c *proxy.Config) { c.Settings.Pool = pool.Config{Size: 1} })
				c := pgtest.Connect(t, w.target())
				for _, sql := range statements {
					send(c, sql)
					for _, m := range c.ReadUntilReady() {
						if m.Type == 'E' {
							t.Fatalf("%s, %s: %v", how, sql, m.Error())
						}
					}
				}
				until(t, how+": nobody has the server connection", func() bool {
					clients := w.server.Clients()
					return clients[0].Pinned == "" && clients[0].Server == 0
				})
			}
		})
	}
}
