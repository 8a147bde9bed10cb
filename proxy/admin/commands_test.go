package admin_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"postern/proxy/admin"
)

// execCommand runs a command and returns its tag and its SQLSTATE.
func execCommand(ctx context.Context, conn *pgconn.PgConn, command string) (tag, code string) {
	results, err := conn.Exec(ctx, command).ReadAll()
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused):
		return "", refused.Code
	case err != nil:
		return "", err.Error()
	case len(results) == 0:
		return "", ""
	}
	return results[len(results)-1].CommandTag.String(), ""
}

func dial(t *testing.T, l *listener, user string) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), l.dsn(user))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func TestCommands(t *testing.T) {
	t.Parallel()
	w := newWorld()
	conn := dial(t, listen(t, w.console()), "admin")
	for _, test := range []struct{ command, tag, code string }{
		{"PAUSE zoo", "PAUSE", ""},
		{"RESUME zoo", "RESUME", ""},
		{"RESUME", "RESUME", ""},
		{"pause ZOO;", "PAUSE", ""},
		{`PAUSE "zoo"`, "PAUSE", ""},
		{"PAUSE nobody", "", "3D000"},
		{"PAUSE acme zoo", "", "42601"},
		{"PAUSE ''", "", "42601"},
		{"KILL acme zoo", "", "42601"},
		{"KILL nobody", "", "3D000"},
		{"KILL_CLIENT", "", "42601"},
		{"KILL_CLIENT one", "", "42601"},
		{"KILL_CLIENT -1", "", "42601"},
		{"KILL_CLIENT 99", "", "42704"},
		{"KILL_CLIENT 3", "KILL_CLIENT", ""},
		{"RELOAD", "RELOAD", ""},
		{"RELOAD now", "", "42601"},
		{"WAKE zoo", "WAKE", ""},
		{"WAKE", "", "42601"},
		{"SUSPEND zoo", "SUSPEND", ""},
		{"SUSPEND acme", "", "57P03"}, // as the surroundings say it
		{"SUSPEND", "", "42601"},
		{"WAIT_CLOSE", "WAIT_CLOSE", ""},
		{"RECONNECT zoo", "RECONNECT", ""},
		{"SHUTDOWN WAIT_FOR_SERVERS", "SHUTDOWN", ""},
		{"SHUTDOWN wait_for_clients", "SHUTDOWN", ""},
		{"SHUTDOWN", "SHUTDOWN", ""},
		{"SHUTDOWN NOW", "", "42601"},
		{"ENABLE acme", "", "0A000"},
		{"DISABLE acme", "", "0A000"},
		{"KILL acme", "KILL", ""},
		{"KILL", "KILL", ""},
	} {
		if tag, code := execCommand(t.Context(), conn, test.command); tag != test.tag || code != test.code {
			t.Errorf("%s: %q %q, want %q %q", test.command, tag, code, test.tag, test.code)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reloads != 1 || len(w.clients) != 0 || len(w.servers) != 0 || w.tenants["zoo"].State != "asleep" || !w.tenants["zoo"].Paused {
		t.Errorf("left: %d reloads, clients %v, servers %v, tenants %v", w.reloads, w.clients, w.servers, w.tenants)
	}
	if want := []admin.ShutdownMode{admin.WaitForServers, admin.WaitForClients, admin.Immediately}; len(w.shutdowns) != 3 ||
		w.shutdowns[0] != want[0] || w.shutdowns[1] != want[1] || w.shutdowns[2] != want[2] {
		t.Errorf("shutdowns %v, want %v", w.shutdowns, want)
	}
}

// Whoever may only look changes nothing, by
// either protocol.
// Promises: CVE-2026-6667.
func TestStatsUser(t *testing.T) {
	t.Parallel()
	w := newWorld()
	conn := dial(t, listen(t, w.console()), "looker")
	for _, command := range []string{
		"PAUSE", "PAUSE acme", "RESUME", "KILL acme", "KILL_CLIENT 1", "kill_client 1", "/**/KILL_CLIENT 1", "RECONNECT", "WAIT_CLOSE",
		"WAKE zoo", "SUSPEND zoo", "RELOAD", "SHUTDOWN", "ENABLE acme", "DISABLE acme", "SET max_client_conn = 1",
	} {
		if _, code := execCommand(t.Context(), conn, command); code != "42501" {
			t.Errorf("%s: %q, want 42501", command, code)
		}
		result := conn.ExecParams(t.Context(), command, nil, nil, nil, nil).Read()
		var refused *pgconn.PgError
		if !errors.As(result.Err, &refused) || refused.Code != "42501" {
			t.Errorf("%s, extended: %v, want 42501", command, result.Err)
		}
	}
	for _, command := range []string{"SHOW POOLS", "SHOW CONFIG", "SELECT 1", "SET application_name = 'x'"} {
		if _, code := execCommand(t.Context(), conn, command); code != "" {
			t.Errorf("%s: %q", command, code)
		}
	}
	if len(w.Clients()) != 4 || w.Paused() {
		t.Error("something was done")
	}
}

// A console that nobody has given anything to shows nothing and does nothing.
func TestAlone(t *testing.T) {
	t.Parallel()
	conn := dial(t, listen(t, admin.New(admin.Config{Log: silent})), "admin")
	for _, command := range strings.Fields("PAUSE RESUME RECONNECT WAIT_CLOSE RELOAD SHUTDOWN") {
		if _, code := execCommand(t.Context(), conn, command); code != "0A000" {
			t.Errorf("%s: %q", command, code)
		}
	}
	for _, command := range strings.Fields("KILL WAKE SUSPEND") {
		if _, code := execCommand(t.Context(), conn, command+" acme"); code != "0A000" {
			t.Errorf("%s: %q", command, code)
		}
	}
	for _, name := range shown(t, conn) {
		if tag, code := execCommand(t.Context(), conn, "SHOW "+name); tag != "SHOW" {
			t.Errorf("SHOW %s: %q %q", name, tag, code)
		}
	}
}

// A command that waits returns when there is nothing left to wait for.
// Promises: G112.
func TestPauseWaits(t *testing.T) {
	t.Parallel()
	w := newWorld()
	l := listen(t, w.console())
	conn, other := dial(t, l, "admin"), dial(t, l, "admin")
	done := make(chan string, 1)
	go func() {
		tag, code := execCommand(t.Context(), conn, "PAUSE acme; RESUME acme")
		done <- tag + code
	}()
	if err := w.until(t.Context(), func() bool { return w.tenants["acme"].Paused }); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-done:
		t.Fatalf("PAUSE did not wait: %s", got)
	default:
	}
	if tag, code := execCommand(t.Context(), other, "KILL acme"); tag != "KILL" {
		t.Fatal(code)
	}
	if got := <-done; got != "RESUME" {
		t.Errorf("got %s", got)
	}
}

// A command that waits can be canceled, and what comes behind it is not done.
func TestCancel(t *testing.T) {
	t.Parallel()
	w := newWorld()
	l := listen(t, w.console())
	conn := dial(t, l, "admin")
	session := l.last()
	if session.Cancel() {
		t.Error("something was canceled where nothing ran")
	}
	done := make(chan string, 1)
	go func() {
		_, code := execCommand(t.Context(), conn, "PAUSE acme; RELOAD")
		done <- code
	}()
	if err := w.until(t.Context(), func() bool { return w.tenants["acme"].Paused }); err != nil {
		t.Fatal(err)
	}
	if !session.Cancel() {
		t.Error("there was nothing to cancel")
	}
	if got := <-done; got != "57014" {
		t.Errorf("got %q", got)
	}
	if tag, _ := execCommand(t.Context(), conn, "RESUME acme"); tag != "RESUME" || w.reloads != 0 {
		t.Errorf("then %q, %d reloads", tag, w.reloads)
	}
}

// A command whose client goes away does not wait for ever.
func TestClientGone(t *testing.T) {
	t.Parallel()
	w := newWorld()
	ended := make(chan error, 1)
	config := admin.Config{Traffic: endingTraffic{w, ended}, Log: silent}
	c := listen(t, admin.New(config)).connect(t, "admin")
	c.Send(query("PAUSE acme"))
	c.Write()
	if err := w.until(t.Context(), func() bool { return w.tenants["acme"].Paused }); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// endingTraffic tells how Pause has ended.
type endingTraffic struct {
	*world
	ended chan error
}

func (e endingTraffic) Pause(ctx context.Context, tenant string) error {
	err := e.world.Pause(ctx, tenant)
	e.ended <- err
	return err
}
