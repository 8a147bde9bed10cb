package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy/pgtest"
)

// idleTimeout is the shortest that there is.
var idleTimeout = daemonConfig{Args: []string{"--idle-timeout", "1s"}}

// fallsAsleep waits until the tenant sleeps and no process of it is left.
func (a *tenant) fallsAsleep(t testing.TB) {
	t.Helper()
	eventually(t, a.id+" falls asleep", func() bool { return a.detail(t).State == "asleep" })
	a.mustSleep(t, "its idle timeout")
}

// TestIdleClientsSurvive: a tenant is suspended under clients that stay connected,
// and the next query of each works, with all that belongs to its session.
// Promises: J2.
func TestIdleClientsSurvive(t *testing.T) {
	t.Parallel()
	d := startDev(t, idleTimeout)
	for _, major := range majors(t) {
		acme := d.createTenantOf(t, major, "acme")
		conn := acme.connect(t)
		execute(t, conn, "create schema shop; create table shop.thing as select 42 as answer")
		execute(t, conn, "set application_name to 'till 7'; set timezone to 'Asia/Kathmandu'; set search_path to shop")
		if _, err := conn.Prepare(t.Context(), "answer", "select answer + $1::int from thing"); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			acme.fallsAsleep(t)
			var answer int
			if err := conn.QueryRow(t.Context(), "answer", 1).Scan(&answer); err != nil || answer != 43 {
				t.Fatalf("PostgreSQL %d: the prepared statement after the sleep: %d, %v", major, answer, err)
			}
			for setting, want := range map[string]string{"application_name": "till 7", "timezone": "Asia/Kathmandu", "search_path": "shop"} {
				if got := text(t, conn, "show "+setting); got != want {
					t.Errorf("PostgreSQL %d: %s is %q after the sleep, want %q", major, setting, got, want)
				}
			}
		}
	}
}

func execute(t testing.TB, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// idleTenantsVariable is how many tenants TestManyIdleClients has.
const idleTenantsVariable = "POSTERN_TEST_IDLE_TENANTS"

// TestManyIdleClients: all tenants sleep, all their clients are still there, and
// all are answered when they come back at once.
// Promises: J1, J2.
func TestManyIdleClients(t *testing.T) {
	t.Parallel()
	const clients = 10
	tenants := 4
	if given, err := strconv.Atoi(os.Getenv(idleTenantsVariable)); err == nil {
		tenants = given
	}
	d := startDev(t, idleTimeout)
	var all []*tenant
	var conns []*pgx.Conn
	for i := range tenants {
		a := d.createTenant(t, fmt.Sprintf("t%d", i))
		all = append(all, a)
		for range clients {
			conn := a.connect(t)
			execute(t, conn, "select 1")
			conns = append(conns, conn)
		}
	}
	for _, a := range all {
		a.fallsAsleep(t)
	}
	if n := d.metric(t, "postern_clients", `state="active"`); n != float64(tenants*clients) {
		t.Errorf("%v clients are connected, want %d", n, tenants*clients)
	}
	before := d.wakes(t)
	var running sync.WaitGroup
	for i, conn := range conns {
		running.Go(func() {
			var n int
			if err := conn.QueryRow(t.Context(), "select $1::int", i).Scan(&n); err != nil || n != i {
				t.Errorf("client %d after the sleep: %d, %v", i, n, err)
			}
		})
	}
	running.Wait()
	if woken := d.wakes(t) - before; woken != float64(tenants) {
		t.Errorf("%v wakes for %d tenants", woken, tenants)
	}
}

// TestKnocksWakeNobody: what proves nothing or asks for nothing wakes nobody, and
// keeps nobody awake.
func TestKnocksWakeNobody(t *testing.T) {
	t.Parallel()
	d := startDev(t, idleTimeout)
	acme := d.createTenant(t, "acme")
	conn := acme.connect(t)
	execute(t, conn, "select 1")
	key := &pgproto3.CancelRequest{ProcessID: conn.PgConn().PID(), SecretKey: conn.PgConn().SecretKey()}
	acme.fallsAsleep(t)
	before := d.wakes(t)
	host, port := d.hostPort(t)
	encrypted := acme.target()
	encrypted.TLS = d.trust(t, acme.hostname())
	wrong := acme.target()
	wrong.Password = "wrong"
	for range 3 {
		refused(t, wrong, "28P01", "")
		for _, request := range []*pgproto3.CancelRequest{key, {ProcessID: 4711, SecretKey: []byte{1, 2, 3, 4}}} {
			c := pgtest.Dial(t, acme.target())
			c.Send(request)
			c.ReadUntilClosed()
		}
		if scan, err := net.Dial("tcp", d.postgres); err != nil {
			t.Error(err)
		} else {
			scan.Close()
		}
		pgtest.Dial(t, encrypted).Close() // the handshake and nothing more
		if r := run(t, exec.CommandContext(t.Context(), tool(t, "pg_isready"), "-h", host, "-p", port)); r.code != 0 {
			t.Errorf("pg_isready: exit code %d: %s%s", r.code, r.stdout, r.stderr)
		}
	}
	d.must(t, "tenant", "list")
	acme.mustSleep(t, "knocks at the door")
	if woken := d.wakes(t) - before; woken != 0 {
		t.Errorf("%v wakes", woken)
	}
	execute(t, conn, "select 1") // and it is still connected
}

// TestIgnoredApplication: a monitor keeps nobody awake and wakes nobody, and stays
// connected.
func TestIgnoredApplication(t *testing.T) {
	t.Parallel()
	config := idleTimeout
	config.Env = []string{"POSTERN_WAKE_IGNORE_APPLICATION_NAMES=monitor"}
	d := startDev(t, config)
	acme := d.createTenant(t, "acme")
	client := acme.connect(t)
	monitor := connect(t, acme.dsn()+"?application_name=monitor")
	execute(t, monitor, "select 1")
	execute(t, client, "select 1")
	var asleep *pgconn.PgError
	eventually(t, "the tenant sleeps though it is monitored all the time", func() bool {
		_, err := monitor.Exec(t.Context(), "select 1")
		return errors.As(err, &asleep)
	})
	if asleep.Code != "57P03" || asleep.Severity != "ERROR" || !strings.Contains(asleep.Message, "asleep") {
		t.Errorf("the monitor is told: %v", asleep)
	}
	acme.fallsAsleep(t)
	before := d.wakes(t)
	if _, err := monitor.Exec(t.Context(), "select 1"); !errors.As(err, &asleep) {
		t.Errorf("the monitor is answered: %v", err)
	}
	acme.mustSleep(t, "a monitor's statement")
	execute(t, client, "select 1")
	execute(t, monitor, "select 1")
	if woken := d.wakes(t) - before; woken != 1 {
		t.Errorf("%v wakes", woken)
	}
}

// logs reports whether a line of postern's log has all of these texts.
func (d *daemon) logs(t testing.TB, texts ...string) bool {
	t.Helper()
	log, err := os.ReadFile(d.logFile())
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(log)) {
		if hasAll(line, texts) {
			return true
		}
	}
	return false
}

// TestWorkKeepsAwake: a tenant is not suspended under what would be lost by that,
// and tells what it is.
func TestWorkKeepsAwake(t *testing.T) {
	t.Parallel()
	d := startDev(t, idleTimeout)
	for what, work := range map[string]struct {
		begin, end []string
		because    string
		mode       string
	}{
		"transaction": {begin: []string{"begin", "create table t()"}, end: []string{"commit"}, because: "at work since"},
		"pin":         {begin: []string{"listen news"}, end: []string{"unlisten news"}, because: "pinned by listen since"},
		"statement":   {begin: []string{"select pg_sleep(4)"}, because: "at work since"},
		"prepared":    {begin: []string{"begin; select txid_current(); prepare transaction 'later'"}, end: []string{"rollback prepared 'later'"}, because: "prepared transaction later"},
		"session":     {begin: []string{"prepare p as select 1"}, because: "pinned by prepared since", mode: "?options=pool_mode%3Dsession"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			args := []string{"--postgres", "max_prepared_transactions=2"}
			a := d.createTenant(t, what, args...)
			conn := connect(t, a.dsn()+work.mode)
			working := make(chan struct{})
			go func() { // ends before the test: it is waited for
				defer close(working)
				for _, sql := range work.begin {
					if _, err := conn.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
						t.Errorf("%s: %v", sql, err)
					}
				}
			}()
			eventually(t, "it is said why it is awake", func() bool {
				return strings.Contains(strings.Join(a.detail(t).AwakeBecause, "\n"), work.because)
			})
			pid := a.pid(t)
			eventually(t, "the log says why it is awake", func() bool { return d.logs(t, "stays awake", "tenant", what, work.because) })
			<-working
			for _, sql := range work.end {
				execute(t, conn, sql)
			}
			if work.mode != "" {
				_ = conn.Close(context.WithoutCancel(t.Context()))
			}
			if now := a.pid(t); pid == 0 || now != pid && now != 0 {
				t.Errorf("its postmaster was %d before and is %d now", pid, now)
			}
			a.fallsAsleep(t)
		})
	}
}

// TestSessionModeSleeps: a client in session mode with nothing but settings stays
// connected while its tenant sleeps, and has them afterwards.
func TestSessionModeSleeps(t *testing.T) {
	t.Parallel()
	d := startDev(t, idleTimeout)
	acme := d.createTenant(t, "acme")
	conn := connect(t, acme.dsn()+"?options=pool_mode%3Dsession")
	execute(t, conn, "set my.own = 'mine'")
	for range 2 {
		acme.fallsAsleep(t)
		execute(t, conn, "do $$begin assert current_setting('my.own') = 'mine'; end$$")
	}
}

// TestMaxPinIdle: a session that keeps its tenant awake by a pin alone is ended,
// and told why.
func TestMaxPinIdle(t *testing.T) {
	t.Parallel()
	config := idleTimeout
	config.Env = []string{"POSTERN_WAKE_MAX_PIN_IDLE=1s"}
	d := startDev(t, config)
	acme := d.createTenant(t, "acme")
	free := acme.connect(t)
	execute(t, free, "select 1")
	pinned := pgtest.Connect(t, acme.target())
	pinned.Query("listen news")
	pinned.Expect(`CommandComplete "LISTEN"`, "ReadyForQuery I")
	said := pinned.ReadUntilClosed()
	if len(said) != 1 || said[0].Type != 'E' || said[0].Error().Code != "57P01" || !strings.Contains(said[0].Error().Detail, "pinned by listen") {
		t.Errorf("the session was told %v", pgtest.Lines(said))
	}
	acme.fallsAsleep(t)
	execute(t, free, "select 1")
}

// TestTenantsOwnIdleTimeout: a tenant has its own, and another as soon as that is
// changed.
func TestTenantsOwnIdleTimeout(t *testing.T) {
	t.Parallel()
	d := startDev(t, daemonConfig{})
	acme := d.createTenant(t, "acme", "--idle-timeout", "1s")
	acme.fallsAsleep(t)
	d.must(t, "tenant", "update", acme.id, "--idle-timeout", "0")
	execute(t, acme.connect(t), "select 1")
	d.must(t, "tenant", "update", acme.id, "--idle-timeout", "1s")
	acme.fallsAsleep(t)
	d.fails(t, 2, "tenant", "update", acme.id, "--idle-timeout", "1ms")
}

// TestMaxAwake: when one tenant more is awake than may be, the one that has been
// idle for longest sleeps, though no timeout has passed.
func TestMaxAwake(t *testing.T) {
	t.Parallel()
	d := startDev(t, daemonConfig{Env: []string{"POSTERN_WAKE_MAX_AWAKE=2", "POSTERN_WAKE_IDLE_TIMEOUT=0"}})
	working := d.createTenant(t, "working")
	conn := working.connect(t)
	execute(t, conn, "begin")
	execute(t, conn, "select 1")
	first, second := d.createTenant(t, "first"), d.createTenant(t, "second")
	first.fallsAsleep(t)
	if second.pid(t) == 0 || working.pid(t) == 0 {
		t.Error("not only the one that was idle for longest sleeps")
	}
	other := second.connect(t)
	execute(t, other, "begin")
	execute(t, other, "select 1")
	refused(t, first.target(), "57P03", "wake.max_awake") // where all are at work
	refused(t, first.target(), "57P03", "Try again in")
	execute(t, conn, "commit")
	if answer := query(t, first.dsn(), "select 1"); answer != "1" {
		t.Error(answer)
	}
}
