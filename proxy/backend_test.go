package proxy_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"postern/proxy"
	"postern/proxy/auth"
	"postern/proxy/pgtest"
)

// While the tenant's Postgres starts, what it says is no client's business.
//
// Promises: J4.
func TestJ4NotReadyYet(t *testing.T) {
	t.Parallel()
	reserved := reservePort(t)
	w := newWorldAt(t, reserved.address, auth.NewVerifier(pgtest.Password).String(), nil)
	w.gate.stop()
	greeted := make(chan *pgtest.Client)
	go func() {
		c := pgtest.Dial(t, w.target())
		c.Startup()
		greeted <- c
	}()
	eventually(t, "it is woken", func() bool { return w.gate.count() == 1 })
	listener := reserved.listen(t)
	var logins atomic.Int32
	pgtest.ServeListener(t, listener, func(c *pgtest.ServerConn) {
		if logins.Add(1) < 4 {
			c.ReceiveStartup()
			c.Send(&pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: "57P03", Message: "the database system is starting up"})
			return
		}
		c.Greet()
		obedient(nil)(c)
	})
	c := <-greeted
	c.Query("select 1")
	c.Expect(`CommandComplete "X"`, "ReadyForQuery I")
	if n := logins.Load(); n != 4 {
		t.Errorf("%d logins at the backend", n)
	}
}

// What a backend refuses for good is not tried again, and the client is told at
// once, by the backend's own words.
//
// Promises: B45, J4.
func TestJ4RefusedForGood(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"3D000", "28000", "53300", "42704"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			refusal := &pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: code, Message: "no", Routine: "InitPostgres"}
			b := newBackend(t, obedient(nil), func(int) pgproto3.BackendMessage { return refusal })
			w := newScriptedWorld(t, b, nil)
			if failure := expectFatal(t, w.target(), code); failure.Routine != "InitPostgres" {
				t.Errorf("got %+v", failure)
			}
			if code != "53300" && b.logins() != 1 {
				t.Errorf("%d logins", b.logins())
			}
		})
	}
}

// Wrong passwords end at Postern: they take nothing, shut nobody out, and the
// backend never hears of them.
//
// Promises: B31, B40, B43.
func TestB40FloodOfWrongPasswords(t *testing.T) {
	t.Parallel()
	b := newBackend(t, obedient(nil), nil)
	w := newScriptedWorld(t, b, func(c *proxy.Config) { c.Settings.MaxClients = 1 })
	for i := range 30 {
		wrong := w.target()
		switch i % 3 {
		case 0:
			wrong.Password = "wrong"
		case 1:
			wrong.User = "nobody.acme"
		case 2:
			wrong.User = "app.nowhere"
		}
		c := pgtest.Dial(t, wrong)
		c.Startup()
		if said := c.ReadUntilClosed(); len(said) > 0 { // so that it is over
			t.Errorf("behind the error came %v", pgtest.Lines(said))
		}
	}
	if n := len(b.Connections()); n > 0 {
		t.Errorf("the backend had %d connections", n)
	}
	c := pgtest.Connect(t, w.target()) // the only place is free
	c.Query("select 1")
	c.Expect(`CommandComplete "X"`, "ReadyForQuery I")
}

// A setting that the server writes otherwise than the client has is not set again
// and again.
//
// Promises: A16.
func TestA16SettingsAreComparedAsTheServerHasThem(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	var answers atomic.Int32
	relay := pgtest.StartRelay(t, pgtest.RelayConfig{To: pg.Target("", ""), Change: func(m pgtest.Message) []pgtest.Message {
		if m.Type == 'Z' {
			answers.Add(1)
		}
		return []pgtest.Message{m}
	}})
	verifier := pg.Exec(t, "select rolpassword from pg_authid where rolname = 'app'")
	w := newWorldAt(t, relay.Target(pgtest.Target{}).Address, verifier, ofSize(1))
	target := w.target().With("datestyle", "iso").With("timezone", "utc").With("application_name", "")
	c := pgtest.Connect(t, target)
	for _, set := range []string{"", "set datestyle = 'sql'; set datestyle to iso", "set work_mem = '4096kB'", "set search_path to pg_catalog , public"} {
		row(t, c, set)
		row(t, c, "select 1")
		before := answers.Load()
		for i := range 10 {
			if got := row(t, c, fmt.Sprint("select ", i)); got != fmt.Sprintf(`"%d"`, i) {
				t.Errorf("got %s", got)
			}
		}
		if n := answers.Load() - before; n != 10 {
			t.Errorf("behind %q ten queries had %d answers", set, n)
		}
	}
}

// For a suspend idle server connections are closed and their clients stay: the
// next query wakes the tenant, and all is as it was.
//
// Promises: J2.
func TestJ2ClientsOutliveServerConnections(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Config{})
	w := newWorld(t, pg, nil)
	c := pgtest.Connect(t, w.target())
	row(t, c, "set timezone = 'Asia/Tokyo'; set search_path = a, public; set application_name = 'mine'")
	c.Parse("s", "select current_setting('timezone'), current_setting('search_path'), $1::text")
	c.Sync()
	c.ReadUntilReady()
	w.sleep(t)
	waitFor(t, pg, "select count(*) = 0 from pg_stat_activity where usename = 'app'")
	wakes := w.gate.count()
	c.Bind("", "s", "x")
	c.Execute("", 0)
	c.Sync()
	got := strings.Join(pgtest.Lines(c.ReadUntilReady()), "\n")
	if want := "BindComplete\nDataRow \"Asia/Tokyo\" \"a, public\" \"x\"\nCommandComplete \"SELECT 1\"\nReadyForQuery I"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if n := w.gate.count() - wakes; n != 1 {
		t.Errorf("%d wakes", n)
	}
	if got := row(t, c, "show application_name"); got != `"mine"` {
		t.Errorf("application_name is %s", got)
	}
}

// reservedPort is a port of this test's that nobody listens on yet: whoever connects
// is refused.
type reservedPort struct {
	socket  int
	address string
}

func reservePort(t *testing.T) reservedPort {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.CloseOnExec(socket)
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	return reservedPort{socket, fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)}
}

// listen begins to listen on it.
func (p reservedPort) listen(t *testing.T) net.Listener {
	t.Helper()
	if err := syscall.Listen(p.socket, 16); err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(p.socket), p.address)
	defer file.Close() // the listener has a copy
	listener, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	return listener
}
