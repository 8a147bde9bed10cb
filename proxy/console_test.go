package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"postern/proxy/admin"
	"postern/proxy/auth"
	"postern/proxy/wire"
	"postern/router"
)

// holding holds whoever says PAUSE.
type holding struct{ began chan struct{} }

func (h holding) Pause(ctx context.Context, _ string) error {
	h.began <- struct{}{}
	<-ctx.Done()
	return ctx.Err()
}
func (holding) Resume(context.Context, string) error { return nil }
func (holding) Paused() bool                         { return false }

// consoleWorld is a server that has nothing but a console, with the users ops and
// looker.
type consoleWorld struct {
	server  *Server
	console *Console
	address string
	began   chan struct{}
}

const consolePassword = "a console's password"

func newConsoleWorld(t *testing.T) *consoleWorld {
	t.Helper()
	verifier := auth.NewVerifier(consolePassword).String()
	w := &consoleWorld{began: make(chan struct{}, 1)}
	w.console = &Console{
		Admin: admin.New(admin.Config{Traffic: holding{w.began}, Log: slog.New(slog.DiscardHandler)}),
	}
	w.server = New(Config{
		Router: router.New(router.Config{}),
		Secret: []byte("a secret of thirty-two bytes, yes"),
		Log:    slog.New(slog.DiscardHandler),
		Settings: Settings{
			AdminUsers: map[string]string{"ops": verifier, "broken": "md5…"},
			StatsUsers: map[string]string{"looker": verifier},
		},
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.address = listener.Addr().String()
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			tasks.Go(func() { w.serve(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		w.server.end(errDrained)
		tasks.Wait()
	})
	return w
}

// serve is a session's way in as far as the console needs it.
func (w *consoleWorld) serve(conn net.Conn) {
	defer conn.Close()
	s := newSession(w.server, conn)
	s.ctx, s.stop = context.WithCancelCause(w.server.life)
	defer s.stop(nil)
	lift := s.deadline()
	defer lift()
	if err := s.startup(); err != nil {
		s.fail(err)
		return
	}
	if cancel := s.opening.Cancel; cancel != nil {
		if found := w.server.cancels.find(&cancelKey{pid: cancel.PID, secret: cancel.Secret}); found != nil {
			w.console.cancel(found)
		}
		return
	}
	err := s.identify()
	if w.console.takes(s, err) {
		w.console.serve(s, lift)
		return
	}
	if err == nil {
		err = errors.New("a tenant's")
	}
	s.fail(err)
}

func (w *consoleWorld) connect(t *testing.T, user, password, database string) (*pgconn.PgConn, error) {
	t.Helper()
	host, port, err := net.SplitHostPort(w.address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgconn.Connect(t.Context(), fmt.Sprintf("host=%s port=%s user=%s password='%s' dbname=%s application_name=here sslmode=disable",
		host, port, user, strings.ReplaceAll(password, "'", `\'`), database))
	if err == nil {
		t.Cleanup(func() { conn.Close(context.Background()) })
	}
	return conn, err
}

// Promises: H3.
func TestConsoleLogin(t *testing.T) {
	t.Parallel()
	w := newConsoleWorld(t)
	for _, test := range []struct{ user, password, database, code string }{
		{"ops", consolePassword, "postern", ""},
		{"ops", consolePassword, "pgbouncer", ""},
		{"looker", consolePassword, "pgbouncer", ""},
		{"ops", "wrong", "postern", "28P01"},
		{"nobody", consolePassword, "postern", "28P01"},
		{"broken", consolePassword, "postern", "28P01"},
		{"ops", consolePassword, "app", "28000"},             // names no tenant
		{"ops.acme", consolePassword, "postern", "XX000"},    // names one
		{"ops.postern", consolePassword, "postern", "28000"}, // no tenant has that name
	} {
		conn, err := w.connect(t, test.user, test.password, test.database)
		var refused *pgconn.PgError
		switch {
		case test.code == "" && err != nil:
			t.Errorf("%s to %s: %v", test.user, test.database, err)
		case test.code == "":
			if got := conn.ParameterStatus("server_version"); !strings.HasSuffix(got, "/postern") {
				t.Errorf("server_version %q", got)
			}
			if got := conn.ParameterStatus("application_name"); got != "here" {
				t.Errorf("application_name %q", got)
			}
			if got, want := conn.ParameterStatus("is_superuser"), map[string]string{"ops": "on", "looker": "off"}[test.user]; got != want {
				t.Errorf("is_superuser of %s is %s", test.user, got)
			}
			if _, err := conn.Exec(t.Context(), "SHOW VERSION").ReadAll(); err != nil {
				t.Error(err)
			}
		case !errors.As(err, &refused) || refused.Code != test.code:
			t.Errorf("%s to %s: %v, want %s", test.user, test.database, err, test.code)
		}
	}
}

// Without users there is no console, and whoever names no tenant is told how to.
// Promises: H3.
func TestNoConsole(t *testing.T) {
	t.Parallel()
	s := &session{server: New(Config{}), account: &account{identity: router.Identity{Role: "ops", Database: "postern"}}}
	defer s.server.Drain(t.Context())
	unnamed := &wire.Error{Kind: router.NoTenant}
	some := map[string]string{"ops": ""}
	for i, test := range []struct {
		console *Console
		users   Settings
		err     error
		want    bool
	}{
		{nil, Settings{AdminUsers: some}, unnamed, false},
		{&Console{}, Settings{}, unnamed, false},
		{&Console{}, Settings{AdminUsers: some}, unnamed, true},
		{&Console{}, Settings{StatsUsers: some}, unnamed, true},
		{&Console{}, Settings{AdminUsers: some}, nil, false},
		{&Console{}, Settings{AdminUsers: some}, &wire.Error{Kind: router.TenantConflict}, false},
	} {
		s.server.Reconfigure(test.users)
		if got := test.console.takes(s, test.err); got != test.want {
			t.Errorf("%d: got %t", i, got)
		}
	}
}

// Ctrl-C ends a command that waits; stats users may not say it at all.
func TestConsoleCancel(t *testing.T) {
	t.Parallel()
	w := newConsoleWorld(t)
	looker, err := w.connect(t, "looker", consolePassword, "postern")
	if err != nil {
		t.Fatal(err)
	}
	var refused *pgconn.PgError
	if _, err := looker.Exec(t.Context(), "PAUSE").ReadAll(); !errors.As(err, &refused) || refused.Code != wire.InsufficientPrivilege {
		t.Errorf("got %v", err)
	}
	ops, err := w.connect(t, "ops", consolePassword, "postern")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := ops.Exec(context.Background(), "PAUSE").ReadAll()
		ended <- err
	}()
	<-w.began
	if err := ops.CancelRequest(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.As(err, &refused) || refused.Code != wire.QueryCanceled {
		t.Errorf("got %v", err)
	}
	if _, err := ops.Exec(t.Context(), "RESUME").ReadAll(); err != nil {
		t.Error(err)
	}
}

// A drain ends the console, whatever it waits for.
func TestConsoleEnd(t *testing.T) {
	t.Parallel()
	w := newConsoleWorld(t)
	ops, err := w.connect(t, "ops", consolePassword, "postern")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := ops.Exec(context.Background(), "PAUSE").ReadAll()
		ended <- err
	}()
	<-w.began
	w.console.mu.Lock()
	var open []*session
	for s := range w.console.open {
		open = append(open, s)
	}
	w.console.mu.Unlock()
	for _, s := range open {
		w.console.end(s, errDrained)
	}
	var refused *pgconn.PgError
	if err := <-ended; !errors.As(err, &refused) || refused.Code != wire.AdminShutdown {
		t.Errorf("got %v", err)
	}

	// One that is told to end before it has begun does not begin.
	s := &session{ending: errDrained}
	if err := w.console.enter(s, nil); err != errDrained || w.console.find(s) != nil {
		t.Errorf("got %v", err)
	}
}

func TestConsoleIsBounded(t *testing.T) {
	t.Parallel()
	c := &Console{}
	for range maxConsoles {
		if err := c.enter(&session{}, &admin.Session{}); err != nil {
			t.Fatal(err)
		}
	}
	var refused *wire.Error
	if err := c.enter(&session{}, &admin.Session{}); !errors.As(err, &refused) || refused.Code != wire.TooManyConnections {
		t.Errorf("got %v", err)
	}
}
