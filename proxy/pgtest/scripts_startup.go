package pgtest

import (
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// startupScripts are about the startup message.
func startupScripts() []Script {
	return []Script{
		// Promises: A14, A18, F101, K1.
		{
			Name: "startup parameters",
			Target: func(t Target) Target {
				return t.With("application_name", "it's \\ ours").With("DateStyle", "iso, dmy").With("TimeZone", "Europe/Rome").
					With("extra_float_digits", "0").With("client_encoding", "UTF8").With("statement_timeout", "12345")
			},
			Run: queries("show application_name", "show datestyle", "show extra_float_digits", "show statement_timeout",
				"set datestyle = 'German'", "reset datestyle", "show datestyle"),
		},
		// Promises: A15, A20, F101, K1.
		{
			Name: "startup options",
			Target: func(t Target) Target {
				return t.WithOptions(`-c geqo=off --work-mem=5MB -cenable_seqscan=off -c search_path=pg_catalog,\ "odd\ name"`)
			},
			Run: queries("show geqo", "show work_mem", "show enable_seqscan", "show search_path", "set geqo = on", "reset geqo", "show geqo"),
		},
		// Promises: A17.
		{Name: "empty application name", Target: with("application_name", ""), Run: queries("show application_name")},
		// Promises: A8.
		{Name: "long application name", Target: with("application_name", strings.Repeat("long", 1000)), Run: queries("show application_name")},
		// Promises: A14, K1.
		{Name: "unknown startup parameter", Target: with("no_such_setting", "1")},
		// Promises: A14.
		{Name: "refused startup parameter", Target: with("geqo", "perhaps")},
		{Name: "startup parameter of superusers", Target: with("log_statement", "all")},
		// Promises: A15, K1.
		{Name: "unknown setting in options", Target: func(t Target) Target { return t.WithOptions("-c no_such_setting=1") }},
		// Promises: A29.
		{Name: "no database", Target: func(t Target) Target { t.Database = ""; return t }, Run: queries("select current_database()")},
		// Promises: B41, CVE-2012-4575.
		{Name: "long database name", Target: func(t Target) Target { t.Database = strings.Repeat("long", 1000); return t }},
		// Promises: A18.
		{
			Name:   "bytes that are no text",
			Target: with("application_name", "\xff\x01'\\"),
			Run:    queries("show application_name", "set application_name = 'x'", "reset application_name", "show application_name"),
		},
		// Promises: B31.
		{Name: "unknown database", Target: func(t Target) Target { t.Database = "no_such_database"; return t }},
		// Promises: A12.
		{Name: "protocol 3.2", Major: 18, Target: protocol(2), Run: queries("select 1")},
		// Promises: A10, A11.
		{Name: "protocol of the future", Major: 18, Target: func(t Target) Target {
			return protocol(9999)(t.With("_pq_.pgtest_unknown", "on"))
		}, Run: queries("select 1")},
	}
}

func with(name, value string) func(Target) Target {
	return func(t Target) Target { return t.With(name, value) }
}

func protocol(minor uint32) func(Target) Target {
	return func(t Target) Target {
		t.Protocol = pgproto3.ProtocolVersion30 + minor
		return t
	}
}
