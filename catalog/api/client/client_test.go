package client_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/catalog"
	"postern/catalog/api"
	"postern/catalog/api/apitest"
	"postern/catalog/api/client"
)

// onSocket returns a client of handler over a control socket.
func onSocket(t *testing.T, handler http.Handler) *client.Client {
	t.Helper()
	dir, err := os.MkdirTemp("", "p") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "control.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	c := client.Socket(path)
	t.Cleanup(c.Close)
	return c
}

// Every method, against the real API.
func TestEveryOperation(t *testing.T) {
	t.Parallel()
	w := apitest.Start(t)
	log := filepath.Join(t.TempDir(), "postgres.log")
	if err := os.WriteFile(log, []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.Driver.LogTo(log)
	c := onSocket(t, w.Handler)
	ctx := t.Context()
	check := func(what string, err error, ok bool) {
		t.Helper()
		if err != nil || !ok {
			t.Errorf("%s: %v, as expected: %v", what, err, ok)
		}
	}

	created, err := c.CreateTenant(ctx, api.CreateTenant{ID: "acme", Labels: map[string]string{"a": "b,c"}, Hostnames: []string{"x.example"}})
	check("create", err, err == nil && created.State == catalog.Awake && strings.Contains(created.URL, apitest.MadeUp))
	page, err := c.ListTenants(ctx, client.Selection{State: catalog.Awake, Labels: []string{"a=b,c"}, Limit: 1})
	check("list", err, err == nil && len(page.Tenants) == 1)
	page, err = c.ListTenants(ctx, client.Selection{Cursor: "acme"})
	check("list behind the last", err, err == nil && len(page.Tenants) == 0)
	page, err = c.ListTenants(ctx, client.Selection{Hostname: "x.example"})
	check("list by host name", err, err == nil && len(page.Tenants) == 1)
	region := "eu"
	detail, err := c.UpdateTenant(ctx, "acme", 1, api.UpdateTenant{Region: &region})
	check("update", err, err == nil && detail.Region == "eu" && detail.Version == 2)
	_, err = c.UpdateTenant(ctx, "acme", 1, api.UpdateTenant{})
	check("update of an old version", nil, status(err) == http.StatusPreconditionFailed)
	detail, err = c.GetTenant(ctx, "acme")
	check("get", err, err == nil && detail.ID == "acme" && detail.Backend["socket_dir"] == "/nowhere")
	logs, err := c.Logs(ctx, "acme", 1)
	check("logs", err, err == nil && strings.Join(logs.Lines, "") == "two")

	role, err := c.CreateRole(ctx, "acme", api.CreateRole{Name: "a/b c?", ReadOnly: true})
	check("create role", err, err == nil && role.ReadOnly && role.Name == "a/b c?")
	roles, err := c.ListRoles(ctx, "acme")
	check("list roles", err, err == nil && len(roles.Roles) == 2)
	reset, err := c.ResetPassword(ctx, "acme", api.ResetPassword{Role: "a/b c?", Password: "x"})
	check("reset password", err, err == nil && reset.Role == "a/b c?")
	_, err = c.DropRole(ctx, "acme", "a/b c?")
	check("drop role", err, true)
	_, err = c.CreateDatabase(ctx, "acme", api.CreateDatabase{Name: "shop"})
	check("create database", err, true)
	databases, err := c.ListDatabases(ctx, "acme")
	check("list databases", err, err == nil && len(databases.Databases) == 2)
	_, err = c.DropDatabase(ctx, "acme", "shop")
	check("drop database", err, true)

	action, err := c.SuspendTenant(ctx, "acme", api.SuspendTenant{Timeout: "5s"})
	check("suspend", err, err == nil && action.Status == "asleep")
	action, err = c.WakeTenant(ctx, "acme")
	check("wake", err, err == nil && action.Status == "awake")
	action, err = c.SuspendTenant(ctx, "acme", api.SuspendTenant{}) // waits for the wake to be filed
	check("suspend", err, err == nil && action.Status == "asleep")
	action, err = c.MoveTenant(ctx, "acme", api.MoveTenant{Driver: "database"})
	check("move", err, err == nil && action.Status == "asleep" && action.Driver == "database")
	action, err = c.PauseTenant(ctx, "acme", time.Second)
	check("pause", err, err == nil && action.Status == "paused")
	action, err = c.ResumeTenant(ctx, "acme")
	check("resume", err, err == nil && action.Status == "asleep")
	action, err = c.DeleteTenant(ctx, "acme", false)
	check("delete", err, err == nil && action.Status == "deleting")
	action, err = c.UndeleteTenant(ctx, "acme")
	check("undelete", err, err == nil && action.Status == "asleep")
	_, err = c.DeleteTenant(ctx, "acme", true)
	check("purge", err, true)
	_, err = c.GetTenant(ctx, "acme")
	check("get what is gone", nil, status(err) == http.StatusNotFound)
}

// status is the status of the Problem that err is, or 0.
func status(err error) int {
	var problem *api.Problem
	if !errors.As(err, &problem) {
		return 0
	}
	return problem.Status
}

func TestServer(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"", "acme:6480", "ftp://acme", "http://", "http://a b"} {
		if _, err := client.Server(server, ""); err == nil {
			t.Errorf("%q is taken for a server", server)
		}
	}
	_, err := client.Server("ftp://u:hunter2@acme", "")
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the password is in %q", err)
	}
}

// The token goes to the server that was named and to no other.
func TestToken(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the other server was asked, with Authorization %q", r.Header.Get("Authorization"))
	}))
	t.Cleanup(other.Close)
	named := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer t0ken" {
			t.Errorf("Authorization is %q", got)
		}
		if r.URL.Path != "/below/v1/tenants/acme" {
			t.Errorf("path is %q", r.URL.Path)
		}
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(named.Close)
	c, err := client.Server(named.URL+"/below/", "t0ken")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if _, err := c.GetTenant(t.Context(), "acme"); status(err) != http.StatusTemporaryRedirect {
		t.Errorf("got %v", err)
	}
}

func TestStrangeAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, body  string
		code        int
		unreachable bool
	}{
		{"an error page", "<html>Bad Gateway</html>", http.StatusBadGateway, false},
		{"an error that is no problem", `{"error":"no"}`, http.StatusForbidden, false},
		{"a page", "<html>Welcome</html>", http.StatusOK, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := onSocket(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.code)
				_, _ = w.Write([]byte(test.body))
			}))
			_, err := c.GetTenant(t.Context(), "acme")
			if errors.Is(err, client.ErrUnreachable) != test.unreachable || !test.unreachable && status(err) != test.code {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	_, err := client.Socket(filepath.Join(t.TempDir(), "nowhere.sock")).GetTenant(t.Context(), "acme")
	if !errors.Is(err, client.ErrUnreachable) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = onSocket(t, http.NotFoundHandler()).GetTenant(ctx, "acme")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
