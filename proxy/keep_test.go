package proxy_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/catalog"
	"postern/proxy"
	"postern/proxy/pgtest"
	"postern/proxy/pool"
)

// inSessionOf is a change of newWorld: session mode, with so many server
// connections.
func inSessionOf(size int) func(*proxy.Config) {
	return func(c *proxy.Config) {
		inSession(c)
		c.Settings.Pool = pool.Config{Size: size}
	}
}

// value runs a query and returns the first column of its first row.
func value(t *testing.T, c *pgtest.Client, sql string) string {
	t.Helper()
	c.Query(sql)
	said := c.ReadUntilReady()
	for _, m := range said {
		if m.Type == 'D' {
			row, err := m.Decode()
			if err != nil {
				t.Fatal(err)
			}
			return string(row.(*pgproto3.DataRow).Values[0])
		}
	}
	t.Fatalf("%s: no row in %v", sql, pgtest.Lines(said))
	return ""
}

// run runs statements that must not fail.
func run(t *testing.T, c *pgtest.Client, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		c.Query(sql)
		for _, m := range c.ReadUntilReady() {
			if m.Type == 'E' {
				t.Fatalf("%s: %s", sql, m.Error().Message)
			}
		}
	}
}

// leave ends the session of c politely.
func leave(c *pgtest.Client) {
	c.Terminate()
	c.ReadUntilClosed()
}

// cut ends it without a word.
func cut(c *pgtest.Client) {
	c.Conn().(*net.TCPConn).SetLinger(0)
	c.Close()
}

// counts returns how many server connections the pools have, and who waits.
func (w *world) counts() (idle, active, waiting int) {
	for _, p := range w.server.Pools() {
		idle, active, waiting = idle+p.Idle, active+p.Active, waiting+p.Waiting
	}
	return idle, active, waiting
}

// queue lets a client log in that has to wait.
func (w *world) queue(t *testing.T, target pgtest.Target) (c *pgtest.Client, said chan []pgtest.Message) {
	t.Helper()
	_, _, before := w.counts()
	c, said = pgtest.Dial(t, target), make(chan []pgtest.Message, 1)
	go func() { said <- c.Startup() }()
	until(t, "the client waits", func() bool { _, _, waiting := w.counts(); return waiting == before+1 })
	return c, said
}

// traces lists what a session can have left behind.
const traces = `select concat_ws(', ',
	(select 'settings ' || string_agg(name, ' ') from pg_settings where source = 'session' having count(*) > 0),
	(select 'custom ' || current_setting('my.own', true) where current_setting('my.own', true) <> ''),
	(select 'temporary' from pg_class where relnamespace = pg_my_temp_schema() limit 1),
	(select 'prepared ' || string_agg(name, ' ') from pg_prepared_statements having count(*) > 0),
	(select 'cursor' from pg_cursors where name <> '' limit 1),
	(select 'lock' from pg_locks where locktype = 'advisory' limit 1),
	(select 'listen' from pg_listening_channels() limit 1),
	(select 'role ' || current_user where current_user <> 'app'))`

// In session mode the second of two clients waits for the only server connection,
// and finds nothing of the first one's on it.
//
// Promises: K7.
func TestSessionModeIsPooled(t *testing.T) {
	t.Parallel()
	pgtest.EachVersion(t, func(t *testing.T, major int) {
		pg := pgtest.Start(t, pgtest.Config{Major: major})
		w := newWorld(t, pg, inSessionOf(1))
		target := w.target().With("TimeZone", "Asia/Tokyo")
		first, key := login(t, target)
		pid := value(t, first, "select pg_backend_pid()")
		if got := fmt.Sprint(key.PID); got != pid {
			t.Errorf("the key's pid is %s, the backend's %s", got, pid)
		}
		run(t, first,
			"set search_path = pg_catalog", "set my.own = 'x'", "set timezone = 'Asia/Tehran'", "set application_name = 'first'",
			"create temporary table t (a int)", "prepare p as select 1", "select pg_advisory_lock(1)", "listen l",
			"begin", "declare c cursor with hold for select 1", "commit", "set client_encoding = 'LATIN1'")
		first.Parse("named", "select 2")
		first.Sync()
		first.ReadUntilReady()
		second, said := w.queue(t, target)
		leave(first)
		greeting := <-said
		if got := fmt.Sprint(keyOf(t, greeting).PID); got != pid {
			t.Errorf("another server connection: %s, the first was %s", got, pid)
		}
		told := strings.Join(pgtest.Lines(greeting), "\n")
		for _, want := range []string{`"TimeZone" "Asia/Tokyo"`, `"application_name" ""`, `"client_encoding" "UTF8"`} {
			if !strings.Contains(told, "ParameterStatus "+want) {
				t.Errorf("the second client was not told %s but\n%s", want, told)
			}
		}
		if got := value(t, second, traces); got != "" {
			t.Errorf("left behind: %s", got)
		}
		run(t, second, "set timezone = 'Asia/Tehran'", "reset all")
		if got := value(t, second, "show timezone"); got != "Asia/Tokyo" {
			t.Errorf("RESET ALL brought TimeZone %s, the client asked for Asia/Tokyo", got)
		}
	})
}

// Clients who have asked for other settings wait in the same queue, within the
// same bound, and get a server connection that was started with theirs.
func TestSessionModeStartsWithOwnSettings(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, inSessionOf(1))
	first := pgtest.Connect(t, w.target().With("application_name", "one"))
	pid := value(t, first, "select pg_backend_pid()")
	second, said := w.queue(t, w.target().With("application_name", "two").WithOptions("-c work_mem=5MB"))
	leave(first)
	if got := fmt.Sprint(keyOf(t, <-said).PID); got == pid {
		t.Error("the server connection of another application_name")
	}
	run(t, second, "set application_name = 'x'", "set work_mem = '1MB'", "reset all")
	if got := value(t, second, "select current_setting('application_name') || ' ' || current_setting('work_mem')"); got != "two 5MB" {
		t.Errorf("RESET ALL brought %s, the client asked for two 5MB", got)
	}
	third, said := w.queue(t, w.target().With("application_name", "one"))
	leave(second)
	<-said
	if got := value(t, third, "show application_name"); got != "one" {
		t.Errorf("application_name %s", got)
	}
	if idle, active, _ := w.counts(); idle+active != 1 {
		t.Errorf("%d idle and %d active server connections in a pool of 1", idle, active)
	}
}

// A client that waits for too long is told so with FATAL 57014.
func TestSessionModeWaitIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), func(c *proxy.Config) {
		inSessionOf(1)(c)
		c.Settings.QueryWaitTimeout = time.Second
	})
	first := pgtest.Connect(t, w.target())
	if got := expectFatal(t, w.target(), "57014").Message; got != "query_wait_timeout" {
		t.Errorf("got %q", got)
	}
	leave(first)
	pgtest.Connect(t, w.target())
}

// However a client leaves, what it has not finished is undone, what it has sent is
// run, and the server connection serves the next if it is in order.
func TestSessionModeClientLeaves(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	insert := func(c *pgtest.Client) {
		c.Parse("", "insert into kept values (1)")
		c.Bind("", "")
		c.Execute("", 0)
	}
	asleep := func(t *testing.T) { // in a statement
		waitFor(t, pg, "select count(*) > 0 from pg_stat_activity where state = 'active' and query like '%pg_sleep(60)%' and pid <> pg_backend_pid()")
	}
	for name, test := range map[string]struct {
		leave func(t *testing.T, c *pgtest.Client)
		rows  string // in the table kept
		fresh bool   // the next client gets another server connection
		any   bool   // which one depends on whether the COPY ends in time
	}{
		"idle":             {leave: func(_ *testing.T, c *pgtest.Client) { cut(c) }, rows: "0"},
		"in a transaction": {leave: func(t *testing.T, c *pgtest.Client) { run(t, c, "begin", "insert into kept values (1)"); cut(c) }, rows: "0"},
		"in a failed transaction": {leave: func(t *testing.T, c *pgtest.Client) {
			run(t, c, "begin", "insert into kept values (1)")
			c.Query("nonsense")
			c.ReadUntilReady()
			leave(c)
		}, rows: "0"},
		"in a statement": {leave: func(t *testing.T, c *pgtest.Client) {
			c.Query("insert into kept values (1); select pg_sleep(60)")
			c.Write()
			asleep(t)
			cut(c)
		}, rows: "0"},
		"behind a statement": {leave: func(_ *testing.T, c *pgtest.Client) {
			c.Query("select pg_sleep(0.1); insert into kept values (1)")
			leave(c)
		}, rows: "1"},
		"half": {leave: func(t *testing.T, c *pgtest.Client) {
			c.Query("select pg_sleep(0.1); insert into kept values (1)")
			c.Write()
			c.Conn().(*net.TCPConn).CloseWrite()
			if said := c.ReadUntilClosed(); len(said) == 0 || said[len(said)-1].Type != 'Z' {
				t.Errorf("no answer to what was sent before: %v", pgtest.Lines(said))
			}
		}, rows: "1"},
		"in a batch": {leave: func(_ *testing.T, c *pgtest.Client) {
			insert(c)
			c.Flush()
			c.ReadUntil('C')
			cut(c)
		}, rows: "0", fresh: true},
		"in a batch, politely": {leave: func(_ *testing.T, c *pgtest.Client) {
			insert(c)
			leave(c)
		}, rows: "0", fresh: true},
		"in COPY": {leave: func(_ *testing.T, c *pgtest.Client) {
			c.Query("copy kept from stdin")
			c.ReadUntil('G')
			c.CopyData("1\n")
			leave(c)
		}, rows: "0", any: true},
		"in a message": {leave: func(_ *testing.T, c *pgtest.Client) {
			c.Raw([]byte{'Q', 0, 1, 0, 0, 's'})
			c.Write()
			cut(c)
		}, rows: "0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := "db_" + strings.NewReplacer(" ", "_", ",", "").Replace(strings.ToLower(name))
			pg.Exec(t, "create database "+database+" owner app")
			w := newWorld(t, pg, inSessionOf(1))
			target := w.target()
			target.Database = database
			c := pgtest.Connect(t, target)
			run(t, c, "create table kept (a int)")
			pid := value(t, c, "select pg_backend_pid()")
			test.leave(t, c)
			next := pgtest.Connect(t, target)
			if got := value(t, next, "select count(*) from kept"); got != test.rows {
				t.Errorf("%s rows, want %s", got, test.rows)
			}
			if got := value(t, next, "select pg_backend_pid()"); !test.any && (got != pid) != test.fresh {
				t.Errorf("the next client has server connection %s, the first had %s", got, pid)
			}
		})
	}
}

// What DISCARD ALL does not remove goes with the server connection.
func TestSessionModeLibrary(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, inSessionOf(1))
	c := pgtest.Connect(t, w.target())
	pid := value(t, c, "select pg_backend_pid()")
	c.Query("load 'plpgsql'")
	c.ReadUntilReady()
	leave(c)
	if got := value(t, pgtest.Connect(t, w.target()), "select pg_backend_pid()"); got == pid {
		t.Error("the server connection with the library was lent again")
	}
}

// What the server's configuration has become while a client had the connection,
// the next client is told.
func TestSessionModeReload(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, inSessionOf(1))
	c := pgtest.Connect(t, w.target())
	pid := value(t, c, "select pg_backend_pid()")
	pg.Exec(t, "alter system set timezone = 'Asia/Tokyo'")
	pg.Exec(t, "select pg_reload_conf()")
	until(t, "the server is told", func() bool { return value(t, c, "show timezone") == "Asia/Tokyo" })
	leave(c)
	next := pgtest.Dial(t, w.target())
	said := next.Startup()
	if got := fmt.Sprint(keyOf(t, said).PID); got != pid {
		t.Errorf("another server connection: %s", got)
	}
	if told := strings.Join(pgtest.Lines(said), "\n"); !strings.Contains(told, `ParameterStatus "TimeZone" "Asia/Tokyo"`) {
		t.Errorf("the client was told\n%s", told)
	}
}

// A session that was greeted from memory waits in the same queue, and is told by a
// cancel or the end of the tenant like any other.
func TestSessionModeGreetedFromMemory(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, inSessionOf(1))
	w.asleep(t)
	first := pgtest.Connect(t, w.target())
	second, key := login(t, w.target())
	if w.gate.count() != 0 {
		t.Fatalf("%d wakes by logins that ask nothing", w.gate.count())
	}
	pid := value(t, first, "select pg_backend_pid()")
	answer := make(chan []pgtest.Message, 1)
	second.Query("select pg_backend_pid()")
	second.Write()
	until(t, "the second client waits", func() bool { _, _, waiting := w.counts(); return waiting == 1 })
	sendCancel(t, w.target(), key)
	if failure := firstError(t, second.ReadUntilReady()); failure.Code != "57014" || failure.Severity != "ERROR" {
		t.Errorf("got %+v, want ERROR 57014", failure)
	}
	go func() {
		second.Query("select pg_backend_pid()")
		answer <- second.ReadUntilReady()
	}()
	until(t, "the second client waits again", func() bool { _, _, waiting := w.counts(); return waiting == 1 })
	leave(first)
	if got := pgtest.Lines(<-answer); len(got) != 4 || got[1] != `DataRow "`+pid+`"` {
		t.Errorf("got %v, want the server connection %s", got, pid)
	}
}

// A cancel never hits the client that has the server connection next.
func TestSessionModeCancelThenReuse(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, inSessionOf(1))
	for range 20 {
		c, key := login(t, w.target())
		c.Query("select pg_sleep(0.01)")
		c.Write()
		canceled := make(chan struct{})
		go func() {
			defer close(canceled)
			sendCancel(t, w.target(), key)
		}()
		c.ReadUntilReady()
		leave(c)
		next := pgtest.Connect(t, w.target())
		if got := value(t, next, "select 1 from pg_sleep(0.02)"); got != "1" {
			t.Errorf("got %s", got)
		}
		leave(next)
		<-canceled
	}
}

// A role whose password was changed has none of its server connections lent again.
func TestSessionModeRoleChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), inSessionOf(1))
	c := pgtest.Connect(t, w.target())
	pid := value(t, c, "select pg_backend_pid()")
	w.server.EndRole(catalog.TenantID("acme"), "app")
	if failure := firstError(t, c.ReadUntilClosed()); failure.Code != "57P01" {
		t.Errorf("got %+v, want 57P01", failure)
	}
	if got := value(t, pgtest.Connect(t, w.target()), "select pg_backend_pid()"); got == pid {
		t.Error("its server connection was lent again")
	}
}
