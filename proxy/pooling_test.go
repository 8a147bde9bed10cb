package proxy_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy"
	"postern/proxy/pgtest"
	"postern/proxy/pool"
)

// ofSize is a change of newWorld: so many server connections a pool.
func ofSize(n int) func(*proxy.Config) {
	return func(c *proxy.Config) { c.Settings.Pool = pool.Config{Size: n} }
}

// row runs a query and returns its first row, as a transcript shows it, or the
// error.
func row(t *testing.T, c *pgtest.Client, sql string) string {
	t.Helper()
	c.Query(sql)
	said := c.ReadUntilReady()
	for _, m := range said {
		switch m.Type {
		case 'D':
			return strings.TrimPrefix(m.String(), "DataRow ")
		case 'E':
			return m.Error().Code
		}
	}
	if len(said) == 0 {
		t.Fatalf("no answer to %s: %v", sql, c.Err())
	}
	return ""
}

// What one client does to a server connection, the next does not see, and the
// first sees it again.
//
// Promises: F98, F99, F103.
func TestF99StateStaysWithItsClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), ofSize(1))
	for name, test := range map[string]struct{ do, show, other, own string }{
		"a dump's search_path":     {"select pg_catalog.set_config('search_path', '', false)", "show search_path", `"\"$user\", public"`, `""`},
		"a list":                   {`set search_path = a, "B c", public`, "show search_path", `"\"$user\", public"`, `"a, \"B c\", public"`},
		"a reported setting":       {"set timezone = 'Asia/Tokyo'", "show timezone", `"Etc/UTC"`, `"Asia/Tokyo"`},
		"a function's":             {"do $$ begin perform set_config('DateStyle', 'German', false); end $$", "show datestyle", `"ISO, MDY"`, `"German, DMY"`},
		"in a transaction":         {"begin; set work_mem = '5MB'; commit", "show work_mem", `"4MB"`, `"5MB"`},
		"one that is rolled back":  {"begin; set work_mem = '5MB'; rollback", "show work_mem", `"4MB"`, `"4MB"`},
		"a transaction's own":      {"begin; set local work_mem = '5MB'; commit", "show work_mem", `"4MB"`, `"4MB"`},
		"a quoted value":           {`set application_name = 'it''s \ "mine"; reset all'`, "show application_name", `""`, `"it's \\ \"mine\"; reset all"`},
		"a statement that fails":   {"set timezone = 'nowhere/at/all'", "show timezone", `"Etc/UTC"`, `"Etc/UTC"`},
		"a setting nobody knows":   {"set own.setting = 'x'", "select coalesce(nullif(current_setting('own.setting', true), ''), 'none')", `"none"`, `"x"`},
		"the transaction's level":  {"set session characteristics as transaction isolation level serializable", "show transaction_isolation", `"read committed"`, `"serializable"`},
		"a statement's time":       {"set statement_timeout = '1h'", "show statement_timeout", `"0"`, `"1h"`},
		"everything and RESET ALL": {"set work_mem = '5MB'; set timezone = 'Asia/Tokyo'; reset all", "select current_setting('work_mem'), current_setting('timezone')", `"4MB" "Etc/UTC"`, `"4MB" "Etc/UTC"`},
	} {
		t.Run(name, func(t *testing.T) { // one after the other, on one server connection
			first, second := pgtest.Connect(t, w.target()), pgtest.Connect(t, w.target())
			pid := row(t, first, "select pg_backend_pid()")
			row(t, first, test.do)
			if got := row(t, second, test.show); got != test.other {
				t.Errorf("the other client has %s, want %s", got, test.other)
			}
			if got := row(t, first, test.show); got != test.own {
				t.Errorf("the client itself has %s, want %s", got, test.own)
			}
			if got := row(t, second, "select pg_backend_pid()"); got != pid {
				t.Errorf("there are two server connections, %s and %s", pid, got)
			}
		})
	}
}

// A setting that this server connection refuses fails the statement that asked for
// it, in the server's words; connection and session go on.
//
// Promises: F102.
func TestF102SettingCannotBeReplayed(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, ofSize(1))
	pg.Exec(t, "grant set on parameter log_min_messages to app")
	c, other := pgtest.Connect(t, w.target()), pgtest.Connect(t, w.target())
	pid := row(t, c, "select pg_backend_pid()")
	row(t, c, "set log_min_messages = 'error'")
	row(t, other, "select 1") // takes it off
	pg.Exec(t, "revoke set on parameter log_min_messages from app")
	for range 2 {
		c.Parse("", "select 1")
		c.Bind("", "")
		c.Execute("", 0)
		c.Sync()
		said := c.ReadUntilReady()
		if failure := firstError(t, said); failure.Severity != "ERROR" || failure.Code != "42501" || len(said) != 2 {
			t.Errorf("got %v, want ERROR 42501 and ReadyForQuery", pgtest.Lines(said))
		}
	}
	if got := row(t, other, "select pg_backend_pid()"); got != pid {
		t.Errorf("the server connection was given up: %s, was %s", got, pid)
	}
	pg.Exec(t, "grant set on parameter log_min_messages to app")
	if got := row(t, c, "show log_min_messages"); got != `"error"` {
		t.Errorf("got %s once it is allowed again", got)
	}
}

// DDL between two executions: whoever prepares the same text again, under whatever
// name and whoever else has it, gets the new one.
//
// Promises: C67, K4.
func TestC67ResultTypeChanges(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, ofSize(1))
	const text = "select * from t"
	prepare := func(c *pgtest.Client, name string) {
		c.Parse(name, text)
		c.Sync()
		if said := c.ReadUntilReady(); len(said) != 2 {
			t.Fatalf("got %v", pgtest.Lines(said))
		}
	}
	execute := func(c *pgtest.Client, name string) string {
		c.Bind("", name)
		c.Execute("", 0)
		c.Sync()
		for _, m := range c.ReadUntilReady() {
			switch m.Type {
			case 'D':
				return m.String()
			case 'E':
				return m.Error().Code
			}
		}
		return "nothing"
	}
	pg.Exec(t, "create table t as select 1 as i; grant all on t to app")
	first, second := pgtest.Connect(t, w.target()), pgtest.Connect(t, w.target())
	for i, c := range []*pgtest.Client{first, second} {
		prepare(c, "old")
		if got := execute(c, "old"); got != `DataRow "1"` {
			t.Fatalf("client %d got %s", i, got)
		}
	}
	pg.Exec(t, "alter table t add j int default 2")
	prepare(first, "new") // before anybody has met the error
	if got := execute(first, "new"); got != `DataRow "1" "2"` {
		t.Errorf("a new name got %s", got)
	}
	prepare(second, "new")
	if got := execute(second, "new"); got != `DataRow "1" "2"` {
		t.Errorf("a new name of the other client got %s", got)
	}
	pg.Exec(t, "alter table t add k int default 3")
	if got := execute(first, "new"); got != "0A000" && got != `DataRow "1" "2" "3"` {
		t.Errorf("the old name got %s", got)
	}
	prepare(first, "newest")
	if got := execute(first, "newest"); got != `DataRow "1" "2" "3"` {
		t.Errorf("behind the error a new name got %s", got)
	}
}

// A server connection that has died while nobody used it is no client's business.
//
// Promises: F106, F108.
func TestF108DeadWhileIdle(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, nil)
	var clients []*pgtest.Client
	for range 3 { // server connections, that is
		c := pgtest.Connect(t, w.target())
		row(t, c, "begin")
		clients = append(clients, c)
	}
	for _, c := range clients {
		row(t, c, "commit")
	}
	pg.Exec(t, "select pg_terminate_backend(pid, 60000) from pg_stat_activity where usename = 'app'")
	for i, c := range clients {
		if got := row(t, c, "select 1"); got != `"1"` {
			t.Errorf("client %d got %s", i, got)
		}
	}
}

// What a client leaves behind is rolled back, and the server connection is used
// again.
//
// Promises: D85, F96, I3.
func TestF96LeftBehind(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, ofSize(1))
	pg.Exec(t, "create table t (s text); grant all on t to app")

	for name, leave := range map[string]func(*pgtest.Client){
		"a transaction":    func(c *pgtest.Client) { row(t, c, "begin; insert into t values ('x')") },
		"a failed one":     func(c *pgtest.Client) { row(t, c, "begin; insert into t values ('x'); select 1/0") },
		"a statement":      func(c *pgtest.Client) { c.Query("insert into t values ('x'); select pg_sleep(600)"); c.Write() },
		"a batch":          func(c *pgtest.Client) { c.Parse("s", "insert into t values ('x')"); c.Flush(); c.ReadUntil('1') },
		"COPY in":          func(c *pgtest.Client) { c.Query("copy t from stdin"); c.ReadUntil('G'); c.CopyData("row\n"); c.Write() },
		"a COPY in, wrong": func(c *pgtest.Client) { c.Query("copy t from stdin"); c.ReadUntil('G'); c.CopyData("\\"); c.Write() },
		"COPY out": func(c *pgtest.Client) {
			c.Query("copy (select generate_series(1, 100000000)) to stdout")
			c.ReadUntil('d')
		},
		"rows": func(c *pgtest.Client) { c.Query("select generate_series(1, 100000000)"); c.ReadUntil('D') },
		"a suspended one": func(c *pgtest.Client) {
			c.Parse("", "select generate_series(1, 9)")
			c.Bind("", "")
			c.Execute("", 1)
			c.Flush()
			c.ReadUntil('s')
		},
		"a lock of its own": func(c *pgtest.Client) { row(t, c, "select pg_advisory_lock(1)") },
	} {
		t.Run(name, func(t *testing.T) { // one after the other, on one server connection
			c, next := pgtest.Connect(t, w.target()), pgtest.Connect(t, w.target())
			pid := row(t, c, "select pg_backend_pid()")
			leave(c)
			if name == "a statement" {
				waitFor(t, pg, "select count(*) = 1 from pg_stat_activity where wait_event = 'PgSleep'")
			}
			c.Conn().(*net.TCPConn).SetLinger(0)
			c.Close()
			if got := row(t, next, "select count(*) from t"); got != `"0"` {
				t.Errorf("%s rows are left", got)
			}
			if got := row(t, next, "select pg_try_advisory_lock(1), pg_backend_pid()"); got != `"t" `+pid {
				t.Errorf("left is something else: %s, the server connection was %s", got, pid)
			}
			row(t, next, "select pg_advisory_unlock_all()")
		})
	}
}

// DROP DATABASE and CREATE DATABASE … TEMPLATE are not in the way of connections
// that nobody uses.
//
// Promises: K8.
func TestK8IdleConnectionsGiveWay(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, nil)
	pg.Exec(t, "alter role app createdb")
	c := pgtest.Connect(t, w.target())
	target := w.target()
	target.Database = "other"
	for _, extended := range []bool{false, true} {
		for _, sql := range []string{"create database copy template other", `alter database other rename to "The Other"`, "drop database other"} {
			if got := row(t, c, "create database other"); got != "" {
				t.Fatalf("create database: %s", got)
			}
			other := pgtest.Connect(t, target)
			row(t, other, "select 1")
			if extended {
				c.Parse("", sql)
				c.Bind("", "")
				c.Execute("", 0)
				c.Sync()
			} else {
				c.Query(sql)
			}
			for _, m := range c.ReadUntilReady() {
				if m.Type == 'E' {
					t.Errorf("%s: %s", sql, m)
				}
			}
			for _, name := range []string{"other", "copy", "The Other"} {
				row(t, c, fmt.Sprintf(`drop database if exists "%s"`, name))
			}
		}
	}
}

// A replication connection is the client's own, whatever the pool mode, in both
// directions and until both have ended it.
//
// Promises: A28, D86.
func TestA28Replication(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{Settings: map[string]string{"wal_level": "logical"}})
	pg.Exec(t, "alter role app replication")
	w := newWorld(t, pg, ofSize(1))
	ordinary := pgtest.Connect(t, w.target())
	row(t, ordinary, "begin") // has the pool's only server connection
	replicate := func(c *pgtest.Client) {
		c.Query(`CREATE_REPLICATION_SLOT pgtest_slot TEMPORARY LOGICAL test_decoding`)
		if said := c.ReadUntilReady(); len(said) < 2 {
			return
		}
		c.Query(`START_REPLICATION SLOT pgtest_slot LOGICAL 0/0 ("skip-empty-xacts" 'on')`)
		c.ReadUntil('W')
		pg.Exec(t, "select pg_logical_emit_message(false, 'x', 'y')")
		status := append([]byte{'r'}, make([]byte, 33)...)
		status[len(status)-1] = 1 // asks for an answer
		c.Send(&pgproto3.CopyData{Data: status})
		c.CopyDone()
		c.ReadUntilReady()
		c.Query("IDENTIFY_SYSTEM")
		c.ReadUntilReady()
		c.Query("select 1")
		c.ReadUntilReady()
		c.Parse("", "IDENTIFY_SYSTEM") // a walsender has no extended protocol
		c.Sync()
		c.ReadUntilReady()
	}
	types := func(target pgtest.Target) string {
		var got strings.Builder
		c := pgtest.Dial(t, target.With("replication", "database"))
		c.Startup()
		replicate(c)
		keepalives := false
		for _, e := range c.Recorded() {
			switch m := e.Received; {
			case m.Type == 'd': // how many come is a matter of time
				keepalives = true
			case m.Type == 'E':
				got.WriteString(m.Error().Severity + m.Error().Code)
			case m.Type != 0:
				got.WriteByte(m.Type)
			}
		}
		if !keepalives {
			t.Error("the server's keepalives did not arrive")
		}
		return got.String()
	}
	want := types(pg.Target("app", "app"))
	if !strings.Contains(want, "Wc") {
		t.Fatalf("there is no replication: %s", want)
	}
	if got := types(w.target()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	row(t, ordinary, "commit")
}
