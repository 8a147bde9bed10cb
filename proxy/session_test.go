package proxy_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/catalog"
	"postern/proxy"
	"postern/proxy/pgtest"
	"postern/wake"
)

// expectFatal logs in and expects the FATAL with this code, which it returns.
func expectFatal(t *testing.T, target pgtest.Target, code string) *pgproto3.ErrorResponse {
	t.Helper()
	c := pgtest.Dial(t, target)
	said := c.Startup()
	if len(said) == 0 {
		t.Fatalf("no answer to the login: %v", c.Err())
	}
	failure := said[len(said)-1].Error()
	if failure.Severity != "FATAL" || failure.Code != code {
		t.Fatalf("got %v, want FATAL %s", said[len(said)-1], code)
	}
	return failure
}

// firstError returns the first ErrorResponse among messages.
func firstError(t *testing.T, messages []pgtest.Message) *pgproto3.ErrorResponse {
	t.Helper()
	for _, m := range messages {
		if m.Type == 'E' {
			return m.Error()
		}
	}
	t.Fatalf("no error in %v", messages)
	return nil
}

// remembered waits until a login of acme is remembered.
func (w *world) remembered(t *testing.T) {
	t.Helper()
	for range 500 {
		tenant, err := w.store.Lookup(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		if len(tenant.Greetings) > 0 {
			w.cache.Invalidate("acme")
			return
		}
		time.Sleep(10 * time.Millisecond) // until the write that runs beside the session is done
	}
	t.Fatal("the greeting was never remembered")
}

// asleep logs in once, so that the login is remembered, and puts the tenant to
// sleep.
func (w *world) asleep(t *testing.T) {
	t.Helper()
	c := pgtest.Connect(t, w.target())
	c.Terminate()
	c.ReadUntilClosed()
	w.remembered(t)
	w.sleep(t)
}

// Promises: J2, J5, J6, J9.
func TestGreetingFromMemory(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, nil)

	login := pgtest.Script{Name: "login", Run: func(c *pgtest.Client) {}}
	attached := pgtest.Record(t, w.target().With("application_name", "tool"), login)
	w.asleep(t)
	wakes := w.gate.count()
	fromMemory := pgtest.Record(t, w.target().With("application_name", "tool"), login)
	if diff := pgtest.Diff(attached, fromMemory); diff != "" {
		t.Errorf("a greeting from memory differs from the backend's:\n%s", diff)
	}

	c := pgtest.Connect(t, w.target())
	c.Sync() // D16, C81: nothing that needs a server
	c.Expect("ReadyForQuery I")
	if got := w.gate.count(); got != wakes {
		t.Fatalf("a login that asks nothing has woken the tenant (%d wakes, were %d)", got, wakes)
	}
	c.Query("select 1")
	c.Expect(`RowDescription "?column?" table=0 column=0 type=int4 size=4 modifier=-1 text`, `DataRow "1"`, `CommandComplete "SELECT 1"`, "ReadyForQuery I")
	if got := w.gate.count(); got != wakes+1 {
		t.Errorf("%d wakes after the first query, want %d", got, wakes+1)
	}
}

// A login with other settings than those remembered must ask the backend.
// Promises: J6.
func TestGreetingFromMemoryIsExact(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), nil)
	w.asleep(t)
	wakes := w.gate.count()
	if got := expectFatal(t, w.target().WithOptions("-c no_such_setting=1"), "42704").Message; !strings.Contains(got, "no_such_setting") {
		t.Errorf("not the backend's own words: %s", got)
	}
	if got := w.gate.count(); got != wakes+1 {
		t.Errorf("%d wakes, want %d", got, wakes+1)
	}
}

// What has changed while the tenant slept reaches the client before its first
// answer.
// Promises: J6.
func TestGreetingTurnsOutDifferent(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, nil)
	w.asleep(t)
	c := pgtest.Connect(t, w.target())
	pg.Exec(t, "alter role app set datestyle = 'German'")
	c.Query("select 1")
	said := pgtest.Lines(c.ReadUntilReady())
	if want := `ParameterStatus "DateStyle" "German, DMY"`; said[0] != want {
		t.Errorf("first message %s, want %s", said[0], want)
	}
	if strings.Count(strings.Join(said, "\n"), "ParameterStatus") != 1 {
		t.Errorf("told more than what differs: %v", said)
	}
}

// A refusal after the greeting is the backend's own, and forgets the greeting.
// Promises: J6.
func TestRefusalAfterGreeting(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, nil)
	w.asleep(t)
	c := pgtest.Connect(t, w.target())
	pg.Exec(t, "alter role app connection limit 0")
	c.Query("select 1")
	failure := firstError(t, c.ReadUntilClosed())
	if failure.Severity != "FATAL" || failure.Code != "53300" || failure.Routine == "" {
		t.Errorf("got %+v, want the backend's own FATAL 53300", failure)
	}
	w.sleep(t)
	expectFatal(t, w.target(), "53300") // and no greeting from memory any more
}

var salt = regexp.MustCompile(`s=[A-Za-z0-9+/]{22}==,`)

// Wrong password, unknown role and unknown tenant cannot be told apart.
// Promises: B30, B31, CVE-2015-6817.
func TestB30UnknownLooksLikeWrongPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), nil)
	w.sleep(t)
	record := func(user, password string) string {
		target := w.target()
		target.User, target.Password = user, password
		lines := pgtest.Record(t, target, pgtest.Script{Name: user})
		text := strings.Join(lines, "\n")
		if !strings.Contains(text, "28P01") {
			t.Errorf("%s: no 28P01 in\n%s", user, text)
		}
		_, session, _ := strings.Cut(text, "Session ")
		if len(session) > 12 {
			text = strings.ReplaceAll(text, session[:12], "SESSION")
		}
		text = salt.ReplaceAllString(text, "s=SALT,") // of 16 bytes either way
		return strings.ReplaceAll(text, user, "USER")
	}
	wrong := record("app.acme", "wrong")
	for _, user := range []string{"nobody.acme", "app.nowhere"} {
		if diff := pgtest.Diff(strings.Split(wrong, "\n"), strings.Split(record(user, "wrong"), "\n")); diff != "" {
			t.Errorf("%s differs from a wrong password:\n%s", user, diff)
		}
	}
	if w.gate.count() != 0 {
		t.Error("a failed login has woken the tenant")
	}
}

// Promises: B44, B45.
func TestUnknownTenantShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), func(c *proxy.Config) { c.Settings.ShowUnknownTenants = true })
	target := w.target()
	target.User = "app.nowhere"
	expectFatal(t, target, "3D000")
}

// Promises: B44, B45.
func TestTenantNotNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), nil)
	target := w.target()
	target.User = "app"
	if hint := expectFatal(t, target, "28000").Hint; !strings.Contains(hint, "tenant=") {
		t.Errorf("the hint does not say how: %q", hint)
	}
	target.User = "app.acme"
	target.TLS = w.authority.ClientConfig("other.db.localhost")
	expectFatal(t, target, "28000")
}

// Promises: A23, B38, K10.
func TestTLS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), nil)
	bySNI := w.target()
	bySNI.User, bySNI.TLS = "app", w.authority.ClientConfig("acme.db.localhost")
	for name, change := range map[string]func(*pgtest.Target){
		"SSLRequest":      func(*pgtest.Target) {},
		"direct":          func(t *pgtest.Target) { t.DirectTLS = true }, // A23
		"channel binding": func(t *pgtest.Target) { t.ChannelBinding = true },
		"user and SNI":    func(t *pgtest.Target) { t.User = "app.acme" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := bySNI
			change(&target)
			c := pgtest.Connect(t, target)
			c.Query("select current_user")
			if got := pgtest.Lines(c.ReadUntilReady()); got[1] != `DataRow "app"` {
				t.Errorf("got %v", got)
			}
		})
	}
	t.Run("required", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, w.pg, func(c *proxy.Config) { c.Settings.RequireTLS = true })
		expectFatal(t, w.target(), "28000")
	})
}

// Promises: B44, B45, C52.
func TestPausedTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), nil)
	w.asleep(t)
	open := pgtest.Connect(t, w.target())
	if _, err := w.store.Transition(t.Context(), "acme", func(t *catalog.Tenant) error { t.State = catalog.Paused; return nil }); err != nil {
		t.Fatal(err)
	}
	w.cache.Invalidate("acme")
	expectFatal(t, w.target(), "57P03")
	open.Parse("", "select 1") // C52: the whole batch fails as one
	open.Bind("", "")
	open.Execute("", 0)
	open.Sync()
	said := open.ReadUntilReady()
	if failure := firstError(t, said); failure.Severity != "ERROR" || failure.Code != "57P03" || len(said) != 2 {
		t.Errorf("got %v, want ERROR 57P03 and one ReadyForQuery", pgtest.Lines(said))
	}
	if _, err := w.store.Transition(t.Context(), "acme", func(t *catalog.Tenant) error { t.State = catalog.Asleep; return nil }); err != nil {
		t.Fatal(err)
	}
	w.cache.Invalidate("acme")
	open.Query("select 1")
	if got := pgtest.Lines(open.ReadUntilReady()); len(got) != 4 {
		t.Errorf("after the resume: %v", got)
	}
}

func TestWakeFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), nil)
	w.asleep(t)
	c := pgtest.Connect(t, w.target())
	w.gate.mu.Lock()
	w.gate.fail = &wake.UnreadyError{Phase: "waking", RetryAfter: 3 * time.Second, Err: errors.New("disk on fire")}
	w.gate.mu.Unlock()
	c.Query("select 1")
	failure := firstError(t, c.ReadUntilReady())
	if failure.Code != "57P03" || failure.Severity != "ERROR" || !strings.Contains(failure.Hint, "3 s") {
		t.Errorf("got %+v, want ERROR 57P03 with when to try again", failure)
	}
	if strings.Contains(failure.Message+failure.Detail, "fire") {
		t.Error("the cause reached the client")
	}
	w.gate.mu.Lock()
	w.gate.fail = nil
	w.gate.mu.Unlock()
	c.Query("select 1")
	if got := pgtest.Lines(c.ReadUntilReady()); len(got) != 4 {
		t.Errorf("the session did not go on: %v", got)
	}
}

// \password in psql: the old password is refused at once, the new one accepted.
// Promises: B39.
func TestPasswordChangedBySQL(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, nil)
	c := pgtest.Connect(t, w.target())
	c.Query("/* alter role in a comment */ select 1; alter user app password 'other'")
	c.ReadUntilReady()
	expectFatal(t, w.target(), "28P01")
	target := w.target()
	target.Password = "other"
	pgtest.Connect(t, target)
	w.sleep(t)
	expectFatal(t, w.target(), "28P01")
	pgtest.Connect(t, target)
}

// Promises: B43, B45.
func TestPoolOfClientsIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), func(c *proxy.Config) { c.Settings.MaxClients = 1 })
	first := pgtest.Connect(t, w.target())
	expectFatal(t, w.target(), "53300")
	first.Terminate()
	first.ReadUntilClosed()
	for range 100 {
		c := pgtest.Dial(t, w.target())
		said := c.Startup()
		if len(said) > 0 && said[len(said)-1].Type == 'Z' {
			return
		}
		time.Sleep(10 * time.Millisecond) // until the first session is over
	}
	t.Error("the place was never given back")
}

// One absolute deadline, however the stranger spends it.
// Promises: A25.
func TestA25LoginTimeout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pgtest.Start(t, pgtest.Config{}), func(c *proxy.Config) { c.Settings.LoginTimeout = 100 * time.Millisecond })
	conn, err := net.Dial("tcp", w.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	packet := binary.BigEndian.AppendUint32(nil, 0)
	packet = append(binary.BigEndian.AppendUint32(packet, 3<<16), "user\x00app.acme\x00\x00"...)
	binary.BigEndian.PutUint32(packet, uint32(len(packet)))
	if _, err := conn.Write(packet); err != nil {
		t.Fatal(err)
	}
	c := pgtest.NewClient(t, conn, w.target()) // and now says nothing to the SCRAM offer
	said := c.ReadUntilClosed()
	if failure := firstError(t, said); failure.Code != "57014" {
		t.Errorf("got %+v, want 57014", failure)
	}
}

// Promises: F107.
func TestServerLost(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, inSession)
	idle, busy := pgtest.Connect(t, w.target()), pgtest.Connect(t, w.target())
	busy.Query("begin; select pg_sleep(60)")
	busy.Write()
	waitFor(t, pg, "select count(*) > 0 from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()")
	pg.Exec(t, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'")
	for name, c := range map[string]*pgtest.Client{"idle": idle, "busy": busy} {
		said := c.ReadUntilClosed()
		if failure := firstError(t, said); failure.Code != "57P01" || failure.Routine == "" {
			t.Errorf("%s: got %+v, want the backend's own 57P01", name, failure) // F107
		}
		if strings.Count(strings.Join(pgtest.Lines(said), "\n"), "ErrorResponse") != 1 {
			t.Errorf("%s: not exactly one error: %v", name, pgtest.Lines(said))
		}
	}
}

// waitFor polls until the query answers true.
func waitFor(t *testing.T, pg *pgtest.Postgres, query string) {
	t.Helper()
	for range 500 {
		if strings.TrimSpace(pg.Exec(t, query)) == "t" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("never true: %s", query)
}

// Promises: B45, G112.
func TestDrain(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, nil)
	idle, busy, stuck := pgtest.Connect(t, w.target()), pgtest.Connect(t, w.target()), pgtest.Connect(t, w.target())
	busy.Query("begin")
	busy.ReadUntilReady()
	stuck.Query("begin")
	stuck.ReadUntilReady()
	ctx, cutOff := context.WithCancel(t.Context())
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		w.server.Drain(ctx)
	}()
	ended := func(c *pgtest.Client) {
		t.Helper()
		if failure := firstError(t, c.ReadUntilClosed()); failure.Code != "57P01" {
			t.Errorf("got %+v, want 57P01", failure)
		}
	}
	ended(idle)
	busy.Query("commit")
	said := busy.ReadUntil('Z')
	if len(said) != 2 {
		t.Errorf("the transaction was not allowed to end: %v", pgtest.Lines(said))
	}
	ended(busy)
	if _, err := net.Dial("tcp", w.address); err == nil {
		t.Error("still listening")
	}
	cutOff()
	ended(stuck)
	<-drained
}
