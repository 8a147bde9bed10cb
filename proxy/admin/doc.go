// Package admin is the console: SHOW, PAUSE, KILL and the rest, served over the
// Postgres protocol to a client that has logged in already, so that psql, every
// driver and PgBouncer's exporters can use it.
//
// A PgBouncer database is a tenant here: that is what the columns "database" of
// SHOW STATS, POOLS, CLIENTS and SERVERS hold, what SHOW DATABASES lists, and what
// PAUSE takes. Columns stand in PgBouncer's order: those of 1.18, those that later
// versions have added, then Postern's own.
//
// A command is a line of the table in commands.go; what SHOW can show is a line of
// the table in show.go and a file, named by the noun. The package knows neither
// sessions nor pools: whoever makes a Console gives it the small interfaces of
// Config. It does not authenticate (the caller has) and reads no SQL.
//
//	console := admin.New(admin.Config{Connections: server, Tenants: tenants, …})
//	session := console.Session(conn, admin.Login{User: "ops", Admin: true})
//	err := session.Serve(ctx)
package admin
