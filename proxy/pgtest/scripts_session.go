package pgtest

// sessionScripts are about what a session keeps and what the server says
// unasked.
func sessionScripts() []Script {
	return []Script{
		// Promises: F104.
		{Name: "notification to oneself", Run: queries(
			"listen pgtest_self",
			"notify pgtest_self, 'payload'",
			"begin", "notify pgtest_self", "notify pgtest_self, 'second'", "commit",
			"begin; notify pgtest_self, 'never'; rollback",
			"unlisten pgtest_self",
			"notify pgtest_self, 'unheard'",
		)},
		// Promises: F100, F103.
		{Name: "parameter status", Run: queries(
			"set application_name = 'pgtest'",
			"set timezone = 'Europe/Rome'",
			"set datestyle = 'German'",
			"begin; set timezone = 'UTC'; set local intervalstyle = 'iso_8601'",
			"rollback",
			"begin; set local timezone = 'Asia/Tokyo'; commit",
			"select set_config('application_name', '', false)",
			"set client_encoding = 'LATIN1'",
			"select 'é'",
			"reset all",
			"set timezone = 'nowhere/at/all'",
		)},
		// Promises: A20, F100.
		{Name: "settings", Run: queries(
			"set work_mem = '5MB'", "set search_path = pg_catalog, \"odd name\"", "show work_mem", "show search_path",
			"begin", "set work_mem = '6MB'", "rollback", "show work_mem",
			"begin", "set local work_mem = '7MB'", "commit", "show work_mem",
			"savepoint outside", "reset search_path", "show search_path", "discard all", "show work_mem",
			"set no_such.setting = 'own'", "show no_such.setting", "set no_such_setting = 1",
		)},
		// Promises: F100.
		{Name: "settings and savepoints", Run: queries(
			"set timezone = 'UTC'",
			"begin; savepoint a; set timezone = 'Asia/Tokyo'; savepoint b; set timezone = 'Asia/Kolkata'", "rollback to b", "show timezone", "commit", "show timezone",
			"begin; set timezone = 'Europe/Rome'; savepoint a; select 1/0", "rollback to a", "rollback", "show timezone",
			"begin; set local timezone = 'Europe/Rome'; set timezone = 'Europe/Paris'; select 1/0", "commit", "show timezone",
			"set session characteristics as transaction isolation level serializable", "show transaction_isolation", "show default_transaction_isolation",
			"begin; set transaction isolation level repeatable read; commit", "show transaction_isolation",
		)},
		// Promises: F103.
		{Name: "setting changed by a function", Run: queries(
			"do $$ begin perform set_config('TimeZone', 'Asia/Tokyo', false); end $$", "show timezone", "begin; select 1; commit", "show timezone",
			"do $$ begin perform set_config('DateStyle', 'German', true); end $$", "show datestyle",
			"begin; do $$ begin perform set_config('TimeZone', 'Asia/Kolkata', false); end $$; rollback", "show timezone",
		)},
		// Promises: F99.
		{Name: "search_path emptied as by a dump", Run: queries(
			"select pg_catalog.set_config('search_path', '', false)", "show search_path", "create temp table t ()", "select 1 from pg_class where oid = 'pg_class'::regclass",
			"reset search_path", "show search_path",
		)},
		{Name: "temporary objects", Run: queries(
			"create temp table t (i int, s varchar(7)) on commit preserve rows", "insert into t values (1, 'one') returning *",
			"select t.*, t as whole from t", "create temp sequence q", "select nextval('q'), nextval('q')", "discard temp", "table t",
		)},
		{Name: "cursors", Run: queries(
			"declare c cursor for select 1", // not outside a transaction
			"begin", "declare c cursor for select g from generate_series(1, 5) g", "fetch 2 from c", "move 1 from c", "fetch all from c", "commit",
			"fetch 1 from c",
			"declare h cursor with hold for select g from generate_series(1, 3) g", "fetch 2 from h", "close h",
		)},
		// Promises: F105.
		{Name: "advisory locks", Run: queries(
			"select pg_advisory_lock(4711)", "select pg_advisory_unlock(4711)", "select pg_advisory_unlock(4711)",
			"begin; select pg_advisory_xact_lock(4711); commit",
		)},
		{Name: "roles", Run: queries(
			"select current_user", "set role none", "set role postgres", "set session authorization default", "create role r", "drop role no_such_role",
		)},
	}
}
